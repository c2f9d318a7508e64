// The leaderboard: filters, columns and order live in the address, so that a view can be sent to somebody.
const PAGE = 50;
const SLICE = 12; // rows that are drawn at once, about a small screen: the others of a page follow when these are seen
const USUAL = 8; // columns of a table that nobody has chosen any for
const FACTS = [
  ["kbps", "kbps", "Payload bits per second"], ["frame", "Hz", "Frames per second"], ["tokens", "tokens/s", "Tokens per second"],
  ["books", "books", "Codebooks"], ["causal", "causal", "Output never depends on later input"],
  ["streaming", "streaming", "Can be run frame by frame"], ["verified", "known answers", "What verification said where it ran"],
  ["licence", "licence", "Licence of code and weights"], ["date", "date", "When it was measured"],
];
const RANGES = [["kbps", "kbit/s"], ["frame", "frames/s"], ["tokens", "tokens/s"], ["books", "codebooks"]];
const DEFAULT_FACTS = ["kbps", "frame"];
const UNVERIFIED = new Set(["", "failed"]);

const board = { state: {}, order: [], shown: 0, wanted: 0, made: new Map(), look: "" };
const defaults = () => ({
  set: data.sets.length ? data.sets[0].id : "", condition: "", q: "", band: "", causal: "", streaming: "", licence: "",
  verified: "", claims: "1", ci: "1", sort: "", falling: "", facts: DEFAULT_FACTS.join(","), columns: null, a: "", b: "",
  ...Object.fromEntries(RANGES.flatMap(([name]) => [[`${name}.min`, ""], [`${name}.max`, ""]])),
});

const sets = new Map(data.sets.map((set) => [set.id, { ...set, rows: [], columns: [] }]));
for (const row of data.rows) sets.get(row.set).rows.push(row);
for (const set of sets.values()) {
  const group = (row) => (row.group === "reference" ? 0 : 1);
  set.rows.sort((a, b) => group(a) - group(b) || compare(a.kbps, b.kbps, true) || compare(a.label, b.label, false));
  set.columns = data.columns.map((c, i) => ({ ...c, place: i })).filter((c) => set.rows.some((row) => row.cells[c.place]));
}
const rowsOfSet = () => sets.get(board.state.set)?.rows ?? [];
const columnsOfSet = () => sets.get(board.state.set)?.columns ?? [];

function shownColumns() {
  const all = columnsOfSet();
  if (board.state.columns !== null) {
    const wanted = new Set(board.state.columns.split(",").map(Number));
    return all.filter((c) => wanted.has(c.place));
  }
  const usual = all.filter((c) => c.shown);
  return (usual.length ? usual : all).slice(0, USUAL);
}

function readAddress() {
  const text = location.hash.slice(1);
  board.state = defaults();
  if (!text.includes("=")) return;
  for (const [name, value] of new URLSearchParams(text)) if (name in board.state) board.state[name] = value;
  if (!sets.has(board.state.set)) board.state.set = defaults().set;
}

/** Puts the view into the address: browsers let a page do so a hundred times in half a minute, so not for every key. */
function writeAddress() {
  clearTimeout(board.address);
  const usual = defaults(), given = new URLSearchParams();
  for (const [name, value] of Object.entries(board.state)) if (value !== usual[name] && value !== null) given.set(name, value);
  const hash = given.toString();
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

function change(values, then = show) {
  Object.assign(board.state, values);
  clearTimeout(board.address);
  board.address = setTimeout(writeAddress, 300);
  then();
}

function choice(label, name, options, then = show) {
  const box = el("select", { change: () => change({ [name]: box.value }, then) });
  for (const [value, text] of options) box.append(el("option", { value, selected: value === board.state[name] }, text));
  return el("label", { class: "field" }, label, box);
}

function tick(label, name, on = "1") {
  const box = el("input", { type: "checkbox", checked: board.state[name] === on, change: () => change({ [name]: box.checked ? on : "" }) });
  return el("label", { class: "chip" }, box, ` ${label}`);
}

function build() {
  const rows = rowsOfSet(), all = [["", "all"]], texts = (name) => [...new Set(rows.map((row) => row[name]).filter(Boolean))].sort();
  const conditions = texts("condition"), bands = [...new Set(rows.map((row) => row.band))];
  const search = el("input", { type: "search", id: "q", value: board.state.q, placeholder: "opus lyra", autocomplete: "off", spellcheck: "false", input: () => change({ q: search.value }) });
  const yesNo = [...all, ["yes", "yes"], ["no", "no"]];
  document.getElementById("filters").replaceChildren(
    choice("Recordings", "set", data.sets.map((set) => [set.id, set.title]), build),
    el("label", { class: "field" }, "Systems", search),
    ...(conditions.length ? [choice("Condition", "condition", [["", "clean"], ...conditions.map((c) => [c, c]), ["*", "all"]])] : []),
    choice("Bitrate", "band", [...all, ...bands.map((b) => [b, b])]),
    tick("published numbers", "claims"), tick("intervals", "ci"),
  );
  const range = (name, end, label) => {
    const box = el("input", { type: "number", step: "any", min: "0", value: board.state[`${name}.${end}`], "aria-label": `${label}, ${end === "min" ? "at least" : "at most"}`, placeholder: end === "min" ? "from" : "to", input: () => change({ [`${name}.${end}`]: box.value }) });
    return box;
  };
  document.getElementById("ranges").replaceChildren(
    ...RANGES.map(([name, label]) => el("span", { class: "field" }, label, range(name, "min", label), range(name, "max", label))),
    choice("Causal", "causal", yesNo), choice("Streaming", "streaming", yesNo),
    choice("Licence", "licence", [...all, ...texts("licence").map((l) => [l, l])]),
    tick("verified only", "verified"),
  );
  // What filters a view must be seen in it.
  const usual = defaults(), hidden = [...RANGES.flatMap(([name]) => [`${name}.min`, `${name}.max`]), "causal", "streaming", "licence", "verified", "columns", "facts"];
  if (hidden.some((name) => board.state[name] !== usual[name])) document.getElementById("more-filters").open = true;
  showColumnChoice();
  show();
}

function showColumnChoice() {
  const chosen = new Set(shownColumns().map((c) => c.place)), facts = new Set(board.state.facts.split(","));
  const family = new Map();
  for (const column of columnsOfSet()) family.set(column.family, [...(family.get(column.family) || []), column]);
  const box = (label, isOn, toggle) => {
    const made = el("input", { type: "checkbox", checked: isOn, change: () => toggle(made.checked) });
    return el("label", { class: "chip" }, made, ` ${label}`);
  };
  document.getElementById("columns").replaceChildren(
    el("fieldset", {}, el("legend", {}, "Facts"), FACTS.map(([name, title]) => box(title, facts.has(name), (on) => {
      if (on) facts.add(name); else facts.delete(name);
      change({ facts: FACTS.map(([n]) => n).filter((n) => facts.has(n)).join(",") });
    }))),
    ...[...family].map(([name, columns]) => el("fieldset", {}, el("legend", {}, name), columns.map((c) => box(c.heading, chosen.has(c.place), (on) => {
      if (on) chosen.add(c.place); else chosen.delete(c.place);
      change({ columns: [...chosen].sort((a, b) => a - b).join(",") });
    })))),
  );
}

/** Whether a row is in the view, as a function of the row. */
function filter() {
  const { state } = board, terms = state.q.toLowerCase().split(/[\s,]+/).filter(Boolean);
  const ranges = RANGES.map(([name]) => [name, state[`${name}.min`], state[`${name}.max`]]).filter(([, low, high]) => low !== "" || high !== "");
  const answers = ["causal", "streaming"].filter((name) => state[name]).map((name) => [name, state[name] === "yes"]);
  return (row) => {
    if (row.claim ? state.claims !== "1" : state.condition !== "*" && row.condition !== state.condition) return false;
    if (state.band && row.band !== state.band) return false;
    if (answers.some(([name, answer]) => row[name] !== answer)) return false;
    if (state.licence && row.licence !== state.licence) return false;
    if (state.verified && (row.claim || UNVERIFIED.has(row.verified))) return false;
    if (ranges.some(([name, low, high]) => row[name] === null || (low !== "" && row[name] < Number(low)) || (high !== "" && row[name] > Number(high)))) return false;
    return !terms.length || terms.some((term) => row.label.toLowerCase().includes(term) || row.codec.toLowerCase().includes(term));
  };
}

const sortKey = (row, key) => (key.startsWith("m") ? row.cells[key.slice(1)]?.[0] ?? null : row[key] === true ? 1 : row[key] === false ? 0 : row[key]);

function show() {
  const { state } = board, found = rowsOfSet().filter(filter());
  if (state.sort) found.sort((a, b) => compare(sortKey(a, state.sort), sortKey(b, state.sort), state.falling === "1"));
  Object.assign(board, { order: found, shown: 0, wanted: PAGE });
  showHead();
  document.querySelectorAll("#board tbody").forEach((body) => body.remove());
  addRows();
  const set = sets.get(state.set);
  document.getElementById("count").textContent = `${found.length} of ${rowsOfSet().length} rows${set ? `, ${set.title}` : ""}`;
  Object.values(parts).forEach(changed);
}

const shownFacts = () => FACTS.filter(([name]) => board.state.facts.split(",").includes(name));

/** The head, which is made anew where the columns are others: what has the focus keeps it. */
function showHead() {
  const { state } = board, facts = shownFacts(), columns = shownColumns();
  const look = JSON.stringify([state.set, facts, columns.map((c) => c.place), state.ci]);
  if (look !== board.look) {
    Object.assign(board, { look, made: new Map() });
    const header = (key, title, hint, better) => {
      const sort = () => change({ sort: key, falling: (state.sort === key ? state.falling !== "1" : better === "higher") ? "1" : "" });
      return el("th", { scope: "col", "data-key": key }, el("button", { type: "button", title: hint, click: sort }, title));
    };
    const arrow = { higher: " ↑", lower: " ↓" };
    const row = el("tr", { class: "columns" }, header("label", "system", "Its name on a command line"),
      facts.map(([name, title, hint]) => header(name, title, hint)),
      columns.map((c) => {
        const made = header(`m${c.place}`, c.heading + (arrow[c.better] || ""), c.note, c.better);
        made.append(el("span", { class: "variant" }, c.unit));
        return made;
      }));
    document.querySelector("#board thead").replaceChildren(row);
  }
  for (const th of document.querySelectorAll("#board thead th")) {
    const direction = state.sort !== th.dataset.key ? "none" : state.falling === "1" ? "descending" : "ascending";
    if (th.getAttribute("aria-sort") !== direction) th.setAttribute("aria-sort", direction);
  }
}

const factText = (row, name) => {
  const value = row[name];
  if (value === null || value === "") return "–";
  if (value === true || value === false) return value ? "yes" : "no";
  if (name === "kbps") return value.toFixed(2) + (row.stated ? "†" : "") + (!row.claim && row.group !== "reference" && UNVERIFIED.has(row.verified) ? "‡" : "");
  return String(value);
};

function cellOf(row, column) {
  const found = row.cells[column.place];
  if (!found) return el("td", {}, "–");
  const [value, low, high, n, expected, best] = found, places = column.digits;
  // Where the value is not the middle of its interval, its ends are shown.
  const isEven = low !== null && high !== null && Math.abs(low + high - 2 * value) <= 10 ** -places;
  const interval = isEven ? `±${((high - low) / 2).toFixed(places)}` : low === null ? "" : `[${low.toFixed(places)}, ${high.toFixed(places)}]`;
  const extras = [];
  if (best) extras.push(el("span", { class: "hidden" }, "(best of its group)"));
  if (board.state.ci === "1" && interval) extras.push(el("span", { class: "ci" }, interval));
  if (n !== null && n !== expected) extras.push(el("span", { class: "n" }, `(${n})`));
  // Few nodes: a table of all columns has thousands of these.
  const text = value.toFixed(places) + (extras.length ? " " : "");
  return el("td", { class: best ? "best" : null, title: low === null ? null : `${low.toFixed(places)} to ${high.toFixed(places)}, n ${n} of ${expected}` },
    best ? el("span", { class: "v" }, text) : text, extras.flatMap((extra, i) => (i ? [" ", extra] : [extra])));
}

/** A row of the table, made once: filters and order only move it. */
function rowOf(row, facts, columns) {
  if (!board.made.has(row)) {
    const name = el("a", { href: row.page }, row.label);
    const label = el("th", { scope: "row" }, row.claim ? el("i", {}, name, el("span", { class: "muted" }, ` ${row.claim.table}`)) : name);
    board.made.set(row, el("tr", { class: "row", "data-id": row.id, "data-label": row.label }, label, facts.map(([n]) => el("td", {}, factText(row, n))), columns.map((c) => cellOf(row, c))));
  }
  return board.made.get(row);
}

/** Draws a screen of rows, and goes on when it is seen, until a page is there. */
function addRows() {
  const table = document.getElementById("board"), facts = shownFacts(), columns = shownColumns();
  const part = board.order.slice(board.shown, Math.min(board.shown + SLICE, board.wanted));
  let body = table.tBodies[table.tBodies.length - 1] || null;
  for (const row of part) {
    const title = board.state.sort ? "" : row.group === "reference" ? "reference" : row.band;
    if (!body || body.dataset.title !== title) {
      body = el("tbody", { "data-title": title });
      if (title) body.append(el("tr", { class: "section" }, el("th", { scope: "rowgroup", colspan: 1 + facts.length + columns.length }, el("span", {}, title))));
      table.append(body);
    }
    body.append(rowOf(row, facts, columns));
  }
  board.shown += part.length;
  whenIdle.cancel(board.rest);
  if (board.shown < Math.min(board.wanted, board.order.length)) board.rest = whenIdle.ask(addRows);
  const left = board.order.length - board.wanted, more = document.getElementById("more");
  more.hidden = left <= 0;
  more.textContent = `Show ${Math.min(PAGE, left)} more of ${left}`;
}

// Not every browser tells when it has nothing to do.
const whenIdle = window.requestIdleCallback
  ? { ask: (task) => requestIdleCallback(task, { timeout: 300 }), cancel: (asked) => cancelIdleCallback(asked) }
  : { ask: (task) => setTimeout(task, 50), cancel: (asked) => clearTimeout(asked) };

// What takes longer than a keystroke is drawn when nothing more is typed, the plot when a reader comes near it.
const parts = {
  plot: { draw: () => (window.Plotly ? showPlot() : loadPlotly()) },
  compare: { isNear: true, draw: () => whenIdle.ask(() => { showCompareChoice(); showCompared(); }) },
};
const sight = new IntersectionObserver((seen) => seen.forEach(({ target, isIntersecting }) => {
  const part = parts[target.id];
  part.isNear = isIntersecting;
  if (isIntersecting && part.isStale) redraw(part);
}), { rootMargin: "300px" });

function changed(part) {
  part.isStale = true;
  clearTimeout(part.timer);
  if (part.isNear) part.timer = setTimeout(() => redraw(part), 300);
}

function redraw(part) {
  part.isStale = false;
  part.draw();
}

// Two systems side by side.
function showCompareChoice() {
  const look = JSON.stringify([board.state.set, board.state.a, board.state.b]);
  if (look === board.choice) return;
  board.choice = look;
  const rows = rowsOfSet(), options = [["", "–"], ...rows.map((row) => [row.id, row.claim ? `${row.label} (${row.claim.table})` : row.label])];
  document.getElementById("compare-controls").replaceChildren(choice("First", "a", options, showCompared), choice("Second", "b", options, showCompared));
}

function showCompared() {
  const [a, b] = ["a", "b"].map((name) => rowsOfSet().find((row) => row.id === board.state[name]));
  const place = document.getElementById("compared");
  if (!a || !b) {
    place.replaceChildren(el("p", { class: "muted" }, "Choose two systems of these recordings."));
    return;
  }
  const lines = columnsOfSet().filter((c) => a.cells[c.place] && b.cells[c.place]).map((c) => {
    const [left, right] = [a.cells[c.place], b.cells[c.place]], change = right[0] - left[0];
    const apart = left[1] !== null && right[1] !== null && (left[2] < right[1] || right[2] < left[1]);
    const better = !c.better || change === 0 ? "" : (change > 0) === (c.better === "higher") ? b.label : a.label;
    return el("tr", { class: "row" }, el("th", { scope: "row" }, `${c.heading} ${c.unit}`.trim()), cellOf(a, c), cellOf(b, c),
      el("td", {}, (change > 0 ? "+" : "") + change.toFixed(c.digits)),
      el("td", {}, better ? `${better}${apart ? "" : " (intervals overlap)"}` : "–"));
  });
  place.replaceChildren(el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Comparison, scrollable" }, el("table", { class: "grid" },
    el("thead", {}, el("tr", {}, ["metric", a.label, b.label, "difference", "better"].map((t) => el("th", { scope: "col" }, t)))),
    el("tbody", {}, lines))));
}

// The plot has the rows of the table.
function showPlot() {
  const columns = columnsOfSet();
  data.tables = [{
    name: board.state.set, columns: columns.map(({ label, heading, digits: n }) => ({ label, heading, digits: n })),
    rows: board.order.map((row) => ({
      label: row.claim ? `${row.label} (${row.claim.table})` : row.label, family: row.claim ? `${row.codec}, published` : row.codec + (row.condition ? `+${row.condition}` : ""),
      condition: row.condition, section: row.band, colour: row.colour, look: row.look, bitrate: row.kbps, cells: columns.map((c) => row.cells[c.place] || null),
    })),
  }];
  if (scatter.set !== board.state.set) {
    scatter.set = board.state.set;
    chooseTable(0);
  } else draw();
  showPareto();
}

function loadPlotly() {
  if (document.getElementById("plotly")) return;
  document.head.append(el("script", {
    id: "plotly", src: "plotly.js", load: showPlot, error: () => { document.getElementById("plot-note").textContent = "plotly.js is not beside this page."; },
  }));
}

/** Systems that no other beats at their bitrate or below. */
function showPareto() {
  const place = document.getElementById("pareto"), column = scatter.x === 0 && scatter.y > 0 ? columnsOfSet()[scatter.y - 1] : null;
  if (!column || !column.better) {
    place.textContent = "";
    return;
  }
  const sign = column.better === "higher" ? 1 : -1;
  const rated = board.order.filter((row) => row.kbps !== null && row.cells[column.place]).sort((a, b) => a.kbps - b.kbps);
  const value = (row) => sign * row.cells[column.place][0];
  const front = rated.filter((row) => !rated.some((other) => other !== row && other.kbps <= row.kbps && value(other) >= value(row) && (other.kbps < row.kbps || value(other) > value(row))));
  place.textContent = `Not beaten at their bitrate or below in ${column.heading}: ${front.map((row) => row.label).join(", ") || "none"}.`;
}

function markRow(_, label) {
  board.made.forEach((row) => row.classList.toggle("marked", row.dataset.label === label));
}

// Files of the view.
function cellsOfView() {
  const columns = shownColumns(), facts = FACTS;
  const head = ["system", "published in", ...facts.map(([, title]) => title), ...columns.flatMap((c) => [`${c.heading} ${c.unit}`.trim(), "low", "high", "n"])];
  const lines = board.order.map((row) => [row.label, row.claim ? row.claim.table : "", ...facts.map(([name]) => row[name] ?? ""), ...columns.flatMap((c) => (row.cells[c.place] || [null, null, null, null]).slice(0, 4).map((v) => v ?? ""))]);
  return [head, ...lines];
}

// What a spreadsheet would take for a formula gets an apostrophe, as in the CSV files of runs.
const csvCell = (value) => {
  const text = typeof value === "string" && /^'*[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
};

const texText = (text) => text.replace(/[\\{}$&#^_~%†‡±]/g, (c) => ({ "\\": "\\textbackslash{}", "^": "\\textasciicircum{}", "~": "\\textasciitilde{}", "†": "$\\dagger$", "‡": "$\\ddagger$", "±": "$\\pm$" })[c] || `\\${c}`);

function latexOfView() {
  const columns = shownColumns(), arrow = { higher: " $\\uparrow$", lower: " $\\downarrow$" };
  const head = ["system", "kbps", "Hz", ...columns.map((c) => texText(`${c.heading} ${c.unit}`.trim()) + (arrow[c.better] || ""))];
  const lines = board.order.map((row) => [texText(row.label), texText(factText(row, "kbps")), texText(factText(row, "frame")), ...columns.map((c) => {
    const found = row.cells[c.place];
    if (!found) return "--";
    return found[5] ? `\\textbf{${found[0].toFixed(c.digits)}}` : found[0].toFixed(c.digits);
  })]);
  const body = lines.map((cells) => `${cells.join(" & ")} \\\\`).join("\n");
  return `\\begin{tabular}{l${"r".repeat(head.length - 1)}}\n\\toprule\n${head.join(" & ")} \\\\\n\\midrule\n${body}\n\\bottomrule\n\\end{tabular}\n`;
}

function save(name, kind, text) {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type: kind })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function start() {
  startTheme();
  readAddress();
  build();
  window.addEventListener("hashchange", () => {
    if (!location.hash.includes("=") && location.hash) return; // a section of the page
    readAddress();
    build();
  });
  document.getElementById("more").addEventListener("click", () => {
    board.wanted += PAGE;
    addRows();
  });
  document.getElementById("csv").addEventListener("click", () => save("leaderboard.csv", "text/csv", `${cellsOfView().map((line) => line.map(csvCell).join(",")).join("\n")}\n`));
  document.getElementById("latex").addEventListener("click", () => save("leaderboard.tex", "text/plain", latexOfView()));
  document.getElementById("link").addEventListener("click", () => {
    const said = document.getElementById("said");
    writeAddress();
    navigator.clipboard.writeText(location.href).then(() => { said.textContent = "Copied."; }, () => { said.textContent = location.href; });
  });
  themeListeners.push(() => { if (window.Plotly) draw(); });
  document.getElementById("plot-controls").addEventListener("change", showPareto);
  // The table comes first: the plot's library is large.
  whenIdle.ask(() => sight.observe(document.getElementById("plot")));
}

if (document.getElementById("board")) start();
else startTheme();
