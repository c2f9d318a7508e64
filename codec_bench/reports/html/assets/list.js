// All utterances: searched, sorted by a metric of a system, a hundred at a time.
const PAGE = 100;
const list = { run: null, metric: 0, sorted: null, falling: false, order: [], shown: 0 };

function startList() {
  chooseRun(0);
  document.getElementById("more").addEventListener("click", () => { addRows(); });
}

function chooseRun(index) {
  list.run = data.runs[index];
  list.sorted = null;
  list.metric = 0;
  const { metrics } = list.run;
  document.getElementById("list-controls").replaceChildren(
    ...(data.runs.length > 1 ? [select("Run", data.runs.map((run) => run.name), index, chooseRun)] : []),
    ...(metrics.length ? [select("Metric", metrics.map(heading), 0, (m) => { list.metric = m; showList(); })] : []),
    el("label", { class: "field" }, "Search", el("input", { type: "search", id: "search", placeholder: "id, words or speaker", autocomplete: "off", input: showList })),
    el("span", { class: "muted", id: "list-count", role: "status" }),
  );
  showList();
}

const valueOf = (run, column, metric, u) => (typeof column === "number" ? run.scores[column][metric][u] : run.utterances[column][u]);

function sortList(column) {
  // The worst comes first: that is what one looks for here.
  const worstFirst = typeof column === "number" && list.run.metrics[list.metric].better === "lower";
  list.falling = list.sorted === column ? !list.falling : worstFirst;
  list.sorted = column;
  showList();
}

function showList() {
  const { run, metric } = list, about = run.utterances;
  const terms = document.getElementById("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  list.order = about.id.map((_, u) => u).filter((u) => {
    const text = `${about.id[u]}\n${about.speaker[u]}\n${about.text[u]}`.toLowerCase();
    return terms.every((term) => text.includes(term));
  });
  if (list.sorted !== null) {
    list.order.sort((a, b) => compare(valueOf(run, list.sorted, metric, a), valueOf(run, list.sorted, metric, b), list.falling));
  }
  const focused = document.activeElement?.closest("#list thead th")?.cellIndex;
  const columns = [["id", "utterance"], ["speaker", "speaker"], ...(run.metrics.length ? run.systems.map((system, s) => [s, system.label]) : [])];
  const head = el("tr", {}, columns.map(([column, title]) => {
    const direction = list.sorted !== column ? "none" : list.falling ? "descending" : "ascending";
    return el("th", { scope: "col", "aria-sort": direction, class: column === "id" ? "id" : "" }, el("button", { type: "button", click: () => sortList(column) }, title));
  }));
  const table = document.getElementById("list");
  table.tHead.replaceChildren(head);
  if (focused !== undefined) head.cells[focused]?.querySelector("button").focus();
  table.tBodies[0].replaceChildren();
  list.shown = 0;
  document.getElementById("list-count").textContent = `${list.order.length} of ${about.id.length} utterances`;
  addRows();
}

function addRows() {
  const { run, metric } = list, about = run.utterances, order = list.order;
  const made = order.slice(list.shown, list.shown + PAGE).map((u) => el("tr", { class: "row", "data-id": about.id[u] },
    el("td", { class: "id" }, el("button", { type: "button", class: "link", click: () => openUtterance(run, u, order) }, about.id[u]), el("span", { class: "words" }, about.text[u])),
    el("td", {}, about.speaker[u]),
    ...(run.metrics.length ? run.systems.map((_, s) => scoreCell(run, s, metric, u)) : [])));
  document.querySelector("#list tbody").append(...made);
  list.shown += made.length;
  const more = document.getElementById("more"), left = order.length - list.shown;
  more.hidden = left <= 0;
  more.textContent = `Show ${Math.min(PAGE, left)} more of ${left}`;
}
