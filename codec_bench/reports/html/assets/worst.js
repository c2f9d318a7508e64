// The k worst utterances of a system by a metric, and everything that has no score.
const worst = { run: 0, metric: 0, system: 0, k: 10 };

function startWorst() {
  showWorstControls(0);
  showFailures();
}

function showWorstControls(index) {
  const run = data.runs[index];
  const coded = run.systems.findIndex((system) => system.group !== "reference");
  Object.assign(worst, { run: index, metric: 0, system: Math.max(coded, 0) });
  const number = el("input", { type: "number", min: 1, max: 100, value: worst.k, input: () => {
    worst.k = Math.min(Math.max(Math.round(Number(number.value)) || 1, 1), 100);
    showWorst();
  } });
  document.getElementById("worst-controls").replaceChildren(
    ...(data.runs.length > 1 ? [select("Run", data.runs.map((r) => r.name), index, showWorstControls)] : []),
    select("System", run.systems.map((s) => s.label), worst.system, (s) => { worst.system = s; showWorst(); }),
    ...(run.metrics.length ? [select("Metric", run.metrics.map(heading), 0, (m) => { worst.metric = m; showWorst(); })] : []),
    el("label", { class: "field" }, "How many", number),
  );
  showWorst();
}

function showWorst() {
  const run = data.runs[worst.run], box = document.getElementById("worst-list");
  if (!run.metrics.length) {
    box.replaceChildren("No metric has values.");
    return;
  }
  const { better, digits: n } = run.metrics[worst.metric], values = run.scores[worst.system][worst.metric];
  const order = values.map((_, u) => u).filter((u) => values[u] !== null).sort((a, b) => compare(values[a], values[b], better !== "higher"));
  const chosen = order.slice(0, worst.k);
  box.replaceChildren(...chosen.map((u) => el("li", {},
    el("button", { type: "button", class: "link", click: () => openUtterance(run, u, chosen) }, run.utterances.id[u]),
    el("span", { class: "v" }, values[u].toFixed(n)),
    el("span", { class: "muted" }, run.utterances.text[u]))));
  if (!chosen.length) box.replaceChildren("No utterance has a value.");
}

/** One entry per run, system, status and reason, with its metrics and utterances. */
function failuresOf(run) {
  const found = new Map();
  run.systems.forEach((system, s) => run.metrics.forEach((metric, m) => {
    for (const [u, index] of Object.entries(run.problems[s][m])) {
      const key = `${s}/${index}`;
      if (!found.has(key)) found.set(key, { system: system.label, reason: run.reasons[index], metrics: new Set(), utterances: new Set() });
      found.get(key).metrics.add(metric.title);
      found.get(key).utterances.add(Number(u));
    }
  }));
  return [...found.values()];
}

function showFailures() {
  const box = document.getElementById("failure-list");
  for (const run of data.runs) {
    const found = failuresOf(run);
    if (data.runs.length > 1) box.append(el("h3", {}, run.name));
    if (!found.length) box.append(el("p", {}, "None: every system has every score on every utterance."));
    for (const { system, reason, metrics, utterances } of found) {
      const ids = [...utterances], names = el("div", { class: "ids" });
      const details = el("details", { toggle: () => {
        // Filled when it opens: a codec that failed everywhere has a link for each utterance.
        if (details.open && !names.childElementCount) names.append(...ids.slice(0, 500).flatMap((u) => [el("button", { type: "button", class: "link", click: () => openUtterance(run, u, ids) }, run.utterances.id[u]), " "]), ids.length > 500 ? `and ${ids.length - 500} more` : "");
      } }, el("summary", {}, el("strong", {}, system), " ", el("span", { class: "status" }, reason[0]), ` ${reason[1]} `, el("span", { class: "muted" }, `${[...metrics].join(", ")}: ${plural(ids.length, "utterance")}`)), names);
      box.append(details);
    }
  }
}
