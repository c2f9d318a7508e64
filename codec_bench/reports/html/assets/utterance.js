// One utterance: listening, spectrograms, scores, texts.
const opened = { run: null, u: 0, order: [], player: null, token: 0 };

const runOf = (index) => data.runs.find((run) => run.run === index);

function scoreCell(run, s, m, u) {
  const value = run.scores[s][m][u], reason = run.reasons[run.problems[s][m][u]];
  if (value !== null) return el("td", {}, value.toFixed(run.metrics[m].digits));
  if (!reason) return el("td", {}, "–");
  return el("td", {}, el("span", { class: "status", title: reason[1] }, reason[0]));
}

function scoresOf(run, u) {
  const head = el("tr", {}, el("th", { scope: "col" }, "system"), run.metrics.map((m) => el("th", { scope: "col" }, heading(m))));
  const rows = run.systems.map((system, s) => el("tr", {}, el("th", { scope: "row" }, system.label), run.metrics.map((_, m) => scoreCell(run, s, m, u))));
  const missing = run.systems.flatMap((system, s) => run.metrics.flatMap((metric, m) => {
    const reason = run.reasons[run.problems[s][m][u]];
    return reason ? [el("li", {}, `${system.label}, ${metric.title}: ${reason.filter(Boolean).join(": ")}`)] : [];
  }));
  return [
    el("h3", {}, "Scores"),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Scores of this utterance, scrollable" },
      el("table", { class: "grid scores" }, el("thead", {}, head), el("tbody", {}, rows))),
    ...(missing.length ? [el("h3", {}, "Without a value"), el("ul", { class: "missing" }, missing)] : []),
  ];
}

const heading = (m) => [m.title, m.unit, { higher: "↑", lower: "↓" }[m.better] || ""].filter(Boolean).join(" ");

/** Opens an utterance; `order` is the list in which the arrows go on. */
function openUtterance(run, u, order = null) {
  closePlayer();
  Object.assign(opened, { run, u, order: order || run.utterances.id.map((_, i) => i) });
  const dialog = document.getElementById("detail"), about = run.utterances;
  const place = opened.order.indexOf(u);
  // Who goes on by keyboard stays on the button; else the keys of the player must reach the player.
  const go = (step) => (event) => {
    openUtterance(run, opened.order[place + step], opened.order);
    const again = dialog.querySelector(step < 0 ? ".previous" : ".next");
    if (event.detail === 0 && !again.disabled) again.focus();
  };
  const facts = [about.speaker[u] && `speaker ${about.speaker[u]}`, about.language[u], `${place + 1} of ${opened.order.length}`, data.runs.length > 1 && run.name];
  const listen = el("div", { class: "listen" });
  dialog.replaceChildren(
    el("div", { class: "detail-head" },
      el("h2", { id: "detail-title", tabindex: "-1", autofocus: true }, about.id[u], el("span", { class: "muted" }, facts.filter(Boolean).join(" · "))),
      el("button", { type: "button", class: "action previous", "aria-label": "Previous utterance", disabled: place <= 0, click: go(-1) }, "←"),
      el("button", { type: "button", class: "action next", "aria-label": "Next utterance", disabled: place >= opened.order.length - 1, click: go(1) }, "→"),
      el("button", { type: "button", class: "action close", "aria-label": "Close", click: () => dialog.close() }, "✕")),
    el("div", { class: "detail-body" },
      about.text[u] ? el("p", { class: "said" }, about.text[u]) : null,
      listen, ...textsOf(run, u), ...scoresOf(run, u)),
  );
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("#detail-title").focus();
  try {
    history.replaceState(null, "", `#utterance/${run.run}/${encodeURIComponent(about.id[u])}`);
  } catch { /* some browsers give pages from file:// no history */ }
  fillListen(listen, run, u);
}

async function fillListen(box, run, u) {
  box.append(el("h3", {}, "Listen"));
  if (!run.audio) {
    box.append(el("p", {}, "This run kept no audio."),
      run.keep ? el("p", {}, "To listen here, repeat it so, and make the report again; what was computed is not computed again:")
        : el("p", {}, "To listen here, repeat it with keep_audio=True (on the command line --keep-audio)."),
      run.keep ? el("p", {}, el("code", { class: "keep" }, run.keep)) : null);
    return;
  }
  const token = ++opened.token, status = el("p", { class: "muted", role: "status" }, "Audio is being decoded …");
  box.append(status);
  try {
    const tracks = await loadTracks(`${run.run}-${u}`);
    const found = run.systems.map((system, s) => ({ system, s })).filter(({ s }) => tracks[s]);
    // The recording itself comes first, and is what key 1 plays.
    found.sort((a, b) => (b.system.group === "reference") - (a.system.group === "reference"));
    if (!found.length) {
      status.textContent = "No audio was kept of this utterance.";
      return;
    }
    const played = await Promise.all(found.map(({ s }) => decode(tracks[s], PLAYED_HZ)));
    // At their own rates: a spectrogram must not show a resampler.
    const drawn = await Promise.all(found.map(({ s }) => decode(tracks[s], tracks[s][0])));
    if (token !== opened.token) return;
    status.remove();
    buildPlayer(box, found.map(({ system }) => system), played, drawn);
  } catch (error) {
    if (token === opened.token) status.textContent = `The audio cannot be played: ${error.message}`;
  }
}

function buildPlayer(box, systems, buffers, drawn) {
  const rates = drawn.map((buffer) => buffer.sampleRate);
  const seconds = Math.max(...buffers.map((buffer) => buffer.duration)), topHz = Math.max(...rates) / 2;
  const seek = el("input", { type: "range", min: 0, max: seconds, step: "any", value: 0, "aria-label": "Position", input: () => player.seek(Number(seek.value)) });
  const play = el("button", { type: "button", class: "action primary play", click: () => player.toggle() }, "▶ Play");
  const time = el("time");
  const tracks = systems.map((system, i) => el("button", { type: "button", class: "track", "data-system": system.label, click: () => player.choose(i) },
    i < 9 ? el("kbd", {}, String(i + 1)) : null, ` ${nameOf(system)}`));
  const pictures = systems.map((system, i) => {
    const canvas = el("canvas", { width: 600, height: 128, role: "img", "aria-label": `Spectrogram of ${system.label}` });
    const head = el("div", { class: "playhead" });
    const frame = el("div", { class: "frame", click: (event) => {
      const area = frame.getBoundingClientRect();
      player.seek(((event.clientX - area.left) / area.width) * seconds);
      player.choose(i);
    } }, canvas, head);
    return { canvas, head, figure: el("figure", { class: "spectrogram" }, el("figcaption", {}, nameOf(system), el("span", { class: "muted" }, `${rates[i] / 1000} kHz`)), frame) };
  });
  const player = new Player(buffers, () => {
    const at = player.position;
    seek.value = at;
    seek.setAttribute("aria-valuetext", `${at.toFixed(1)} of ${seconds.toFixed(1)} seconds`);
    time.textContent = `${at.toFixed(2)} / ${seconds.toFixed(2)} s`;
    const label = player.playing ? "❚❚ Pause" : "▶ Play";
    if (play.textContent !== label) play.textContent = label;
    tracks.forEach((button, i) => button.setAttribute("aria-pressed", i === player.active));
    pictures.forEach(({ head, figure }, i) => {
      head.style.left = `${(100 * at) / seconds}%`;
      figure.classList.toggle("active", i === player.active);
    });
  });
  opened.player = player;
  const original = systems[0].group === "reference" ? null : el("p", { class: "note warn" }, "The run has no row of the recordings (--no-ground-truth), so the original is not here.");
  box.append(
    el("div", { class: "player", role: "group", "aria-label": "Player" },
      el("div", { class: "player-row" }, play, seek, time),
      el("div", { class: "tracks", role: "group", "aria-label": "What is heard" }, tracks)),
    el("p", { class: "legend" }, "Keys: ", el("kbd", {}, "1"), " … ", el("kbd", {}, "9"), " switch at the same position, ", el("kbd", {}, "space"), " plays and pauses, ", el("kbd", {}, "←"), " ", el("kbd", {}, "→"), ` seek by a second. The audio here has 16 bit. Spectrograms reach up to ${topHz / 1000} kHz; colours span 80 dB below the loudest point of the first one.`),
    original || "",
    el("div", { class: "spectrograms" }, pictures.map(({ figure }) => figure)),
  );
  player.changed();
  let ceiling = null;
  const next = (i) => {
    if (i >= systems.length || player.closed) return;
    const levels = spectrum(drawn[i].getChannelData(0), rates[i], 600, seconds);
    ceiling ??= loudest(levels);
    paint(pictures[i].canvas, levels, rates[i], topHz, ceiling);
    pictures[i].canvas.dataset.drawn = "yes";
    setTimeout(() => next(i + 1));
  };
  next(0);
}

const nameOf = (system) => (system.group === "reference" && !system.label.includes("+") ? "original" : system.label);

function closePlayer() {
  opened.token += 1;
  if (opened.player) opened.player.close();
  opened.player = null;
}

function startDetail() {
  const dialog = document.getElementById("detail");
  dialog.addEventListener("close", () => {
    closePlayer();
    try {
      history.replaceState(null, "", location.pathname + location.search + "#utterances");
    } catch { /* as above */ }
  });
  dialog.addEventListener("keydown", (event) => {
    const { player } = opened, typing = event.target.matches("select, input:not([type=range])");
    if (!player || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^[1-9]$/.test(event.key)) player.choose(Number(event.key) - 1);
    // A button under focus takes the space bar itself, unless it chooses a track: there the key should play.
    else if (event.key === " " && (!event.target.matches("button, summary, a") || event.target.matches(".track, .play"))) player.toggle();
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      if (event.target.matches(".scroll")) return;
      player.seek(player.position + (event.key === "ArrowLeft" ? -1 : 1));
    } else return;
    event.preventDefault();
  });
  dialog.addEventListener("keyup", (event) => {
    if (event.key === " " && event.target.matches(".track, .play") && opened.player) event.preventDefault();
  });
}

/** Opens what the address names: `#utterance/0/rms-01`. */
function openFromAddress() {
  const [, run, id] = location.hash.match(/^#utterance\/(\d+)\/(.+)$/) || [];
  if (id === undefined || !runOf(Number(run))) return;
  let name = id;
  try {
    name = decodeURIComponent(id);
  } catch { /* not encoded by us: as it is */ }
  const u = runOf(Number(run)).utterances.id.indexOf(name);
  if (u >= 0) openUtterance(runOf(Number(run)), u);
}
