// The leaderboard: filters, columns and order live in the address, so that a view can be sent to somebody.
const PAGE = 100;
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

const board = { state: {}, rows: [], order: [], shown: 0 };
const defaults = () => ({
  set: data.sets.length ? data.sets[0].id : "", condition: "", q: "", band: "", causal: "", streaming: "", licence: "",
  verified: "", claims: "1", ci: "1", sort: "", falling: "", facts: DEFAULT_FACTS.join(","), columns: null, a: "", b: "",
  ...Object.fromEntries(RANGES.flatMap(([name]) => [[`${name}.min`, ""], [`${name}.max`, ""]])),
});

const rowsOfSet = () => data.rows.filter((row) => row.set === board.state.set);
const columnsOfSet = () => data.columns.map((c, i) => ({ ...c, place: i })).filter((c) => rowsOfSet().some((row) => row.cells[c.place]));

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
  if (!data.sets.some((set) => set.id === board.state.set)) board.state.set = defaults().set;
}

function writeAddress() {
  const usual = defaults(), given = new URLSearchParams();
  for (const [name, value] of Object.entries(board.state)) if (value !== usual[name] && value !== null) given.set(name, value);
  const hash = given.toString();
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

function change(values, rebuild = false) {
  Object.assign(board.state, values);
  writeAddress();
  if (rebuild) build();
  else show();
}

function choice(label, name, options) {
  const box = el("select", { change: () => change({ [name]: box.value }, name === "set") });
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
    choice("Recordings", "set", data.sets.map((set) => [set.id, set.title])),
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
  showCompareChoice();
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

function isWanted(row) {
  const { state } = board;
  if (!row.claim && state.condition !== "*" && row.condition !== state.condition) return false;
  if (row.claim && state.claims !== "1") return false;
  if (state.band && row.band !== state.band) return false;
  for (const name of ["causal", "streaming"]) if (state[name] && row[name] !== (state[name] === "yes")) return false;
  if (state.licence && row.licence !== state.licence) return false;
  if (state.verified && (row.claim || UNVERIFIED.has(row.verified))) return false;
  for (const [name] of RANGES) {
    const low = state[`${name}.min`], high = state[`${name}.max`];
    if ((low !== "" || high !== "") && row[name] === null) return false;
    if ((low !== "" && row[name] < Number(low)) || (high !== "" && row[name] > Number(high))) return false;
  }
  const terms = state.q.toLowerCase().split(/[\s,]+/).filter(Boolean);
  return !terms.length || terms.some((term) => row.label.toLowerCase().includes(term) || row.codec.toLowerCase().includes(term));
}

const sortKey = (row, key) => (key.startsWith("m") ? row.cells[key.slice(1)]?.[0] ?? null : row[key] === true ? 1 : row[key] === false ? 0 : row[key]);

function show() {
  const { state } = board, found = rowsOfSet().filter(isWanted);
  if (state.sort) {
    const order = new Map(found.map((row, i) => [row, i]));
    found.sort((a, b) => compare(sortKey(a, state.sort), sortKey(b, state.sort), state.falling === "1") || order.get(a) - order.get(b));
  } else {
    const group = (row) => (row.group === "reference" ? 0 : 1);
    found.sort((a, b) => group(a) - group(b) || compare(a.kbps, b.kbps, true) || compare(a.label, b.label, false));
  }
  board.order = found;
  board.shown = 0;
  showHead();
  document.querySelectorAll("#board tbody").forEach((body) => body.remove());
  addRows();
  const set = data.sets.find((one) => one.id === state.set);
  document.getElementById("count").textContent = `${found.length} of ${rowsOfSet().length} rows${set ? `, ${set.title}` : ""}`;
  showCompared();
  // Drawing takes longer than a keystroke: the plot follows when nothing more is typed.
  clearTimeout(board.plot);
  board.plot = setTimeout(showPlot, 150);
}

const shownFacts = () => FACTS.filter(([name]) => board.state.facts.split(",").includes(name));

function showHead() {
  const { state } = board, focused = document.activeElement?.closest("#board thead th")?.cellIndex;
  const header = (key, title, hint, better) => {
    const direction = state.sort !== key ? "none" : state.falling === "1" ? "descending" : "ascending";
    const sort = () => change({ sort: key, falling: (state.sort === key ? state.falling !== "1" : better === "higher") ? "1" : "" });
    return el("th", { scope: "col", "aria-sort": direction, "data-key": key }, el("button", { type: "button", title: hint, click: sort }, title));
  };
  const arrow = { higher: " ↑", lower: " ↓" };
  const row = el("tr", { class: "columns" }, header("label", "system", "Its name on a command line"),
    shownFacts().map(([name, title, hint]) => header(name, title, hint)),
    shownColumns().map((c) => {
      const made = header(`m${c.place}`, c.heading + (arrow[c.better] || ""), c.note, c.better);
      made.append(el("span", { class: "variant" }, c.unit));
      return made;
    }));
  const head = document.querySelector("#board thead");
  head.replaceChildren(row);
  if (focused !== undefined) row.cells[focused]?.querySelector("button").focus();
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
  const made = el("td", { class: best ? "best" : "", title: low === null ? "" : `${low.toFixed(places)} to ${high.toFixed(places)}, n ${n} of ${expected}` }, el("span", { class: "v" }, value.toFixed(places)));
  if (best) made.append(el("span", { class: "hidden" }, " (best of its group)"));
  // Where the value is not the middle of its interval, its ends are shown.
  const isEven = low !== null && high !== null && Math.abs(low + high - 2 * value) <= 10 ** -places;
  const interval = isEven ? `±${((high - low) / 2).toFixed(places)}` : low === null ? "" : `[${low.toFixed(places)}, ${high.toFixed(places)}]`;
  if (board.state.ci === "1" && interval) made.append(" ", el("span", { class: "ci" }, interval));
  if (n !== null && n !== expected) made.append(" ", el("span", { class: "n" }, `(${n})`));
  return made;
}

function addRows() {
  const table = document.getElementById("board"), facts = shownFacts(), columns = shownColumns();
  const part = board.order.slice(board.shown, board.shown + PAGE);
  let body = table.tBodies[table.tBodies.length - 1] || null;
  for (const row of part) {
    const title = board.state.sort ? "" : row.group === "reference" ? "reference" : row.band;
    if (!body || body.dataset.title !== title) {
      body = el("tbody", { "data-title": title });
      if (title) body.append(el("tr", { class: "section" }, el("th", { scope: "rowgroup", colspan: 1 + facts.length + columns.length }, el("span", {}, title))));
      table.append(body);
    }
    const name = el("a", { href: row.page }, row.label);
    const label = el("th", { scope: "row" }, row.claim ? el("i", {}, name, el("span", { class: "muted" }, ` ${row.claim.table}`)) : name);
    body.append(el("tr", { class: "row", "data-id": row.id, "data-label": row.label }, label, facts.map(([n]) => el("td", {}, factText(row, n))), columns.map((c) => cellOf(row, c))));
  }
  board.shown += part.length;
  const left = board.order.length - board.shown, more = document.getElementById("more");
  more.hidden = left <= 0;
  more.textContent = `Show ${Math.min(PAGE, left)} more of ${left}`;
}

// Two systems side by side.
function showCompareChoice() {
  const rows = rowsOfSet(), options = [["", "–"], ...rows.map((row) => [row.id, row.claim ? `${row.label} (${row.claim.table})` : row.label])];
  document.getElementById("compare-controls").replaceChildren(choice("First", "a", options), choice("Second", "b", options));
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
  if (!window.Plotly) return;
  if (scatter.set !== board.state.set) {
    scatter.set = board.state.set;
    chooseTable(0);
  } else draw();
  showPareto();
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
  document.querySelectorAll("#board tr.row").forEach((row) => row.classList.toggle("marked", row.dataset.label === label));
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
  document.getElementById("more").addEventListener("click", addRows);
  document.getElementById("csv").addEventListener("click", () => save("leaderboard.csv", "text/csv", `${cellsOfView().map((line) => line.map(csvCell).join(",")).join("\n")}\n`));
  document.getElementById("latex").addEventListener("click", () => save("leaderboard.tex", "text/plain", latexOfView()));
  document.getElementById("link").addEventListener("click", () => {
    const said = document.getElementById("said");
    navigator.clipboard.writeText(location.href).then(() => { said.textContent = "Copied."; }, () => { said.textContent = location.href; });
  });
  themeListeners.push(() => { if (window.Plotly) draw(); });
  document.getElementById("plot-controls").addEventListener("change", showPareto);
  // The table comes first: the plot's library is large.
  requestAnimationFrame(() => setTimeout(() => {
    const made = el("script", { src: "plotly.js", load: showPlot, error: () => { document.getElementById("plot-note").textContent = "plotly.js is not beside this page."; } });
    document.head.append(made);
  }));
}

if (document.getElementById("board")) start();
else startTheme();
