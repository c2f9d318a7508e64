// Result tables: sort, filter, hide groups and blocks. The rows are in the page already.
function startTable(card) {
  const table = card.querySelector("table");
  const bodies = [...table.tBodies];
  const rows = bodies.flatMap((body) => [...body.querySelectorAll("tr.row")].map((row) => ({ row, body })));
  const headers = [...table.querySelectorAll("tr.columns th")];
  const checked = (selector) => [...card.querySelectorAll(selector)];
  const flat = el("tbody", { hidden: true });
  table.append(flat);
  let sorted = null;

  const value = (row, header) => {
    const text = row.cells[headers.indexOf(header)].dataset.v;
    return header.dataset.kind === "text" || text === "" ? text : Number(text);
  };

  function show() {
    const grouped = card.querySelector(".grouped").checked;
    const ordered = [...rows];
    if (sorted) ordered.sort((a, b) => compare(value(a.row, sorted.header), value(b.row, sorted.header), sorted.falling));
    ordered.forEach(({ row, body }) => (grouped ? body : flat).append(row));
    const terms = card.querySelector(".filter").value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    const toggles = checked(".group-toggle");
    const off = new Set(toggles.filter((box) => !box.checked).map((box) => box.value));
    let count = 0;
    for (const { row, body } of rows) {
      const label = row.dataset.label.toLowerCase();
      const wanted = (!terms.length || terms.some((term) => label.includes(term))) && !off.has(body.dataset.section);
      row.hidden = !wanted;
      count += wanted;
    }
    bodies.forEach((body) => { body.hidden = !grouped || ![...body.querySelectorAll("tr.row")].some((row) => !row.hidden); });
    flat.hidden = grouped;
    card.querySelector(".count").textContent = `${count} of ${rows.length} systems`;
  }

  function showBlocks() {
    const off = new Set(checked(".block-toggle").filter((box) => !box.checked).map((box) => box.value));
    table.querySelectorAll("[data-block]").forEach((cell) => { cell.hidden = off.has(cell.dataset.block); });
    const width = headers.filter((header) => !header.hidden).length;
    table.querySelectorAll("tr.section th").forEach((cell) => { cell.colSpan = width; });
  }

  // The first click shows the best on top, where a direction is better.
  function sortBy(header) {
    const first = header.dataset.better ? header.dataset.better === "higher" : false;
    sorted = { header, falling: sorted && sorted.header === header ? !sorted.falling : first };
    headers.forEach((other) => other.setAttribute("aria-sort", "none"));
    header.setAttribute("aria-sort", sorted.falling ? "descending" : "ascending");
    show();
  }

  headers.forEach((header) => header.querySelector("button").addEventListener("click", () => sortBy(header)));
  card.querySelector(".filter").addEventListener("input", show);
  checked(".group-toggle, .grouped").forEach((box) => box.addEventListener("change", show));
  checked(".block-toggle").forEach((box) => box.addEventListener("change", showBlocks));
  card.querySelector(".full-toggle").addEventListener("change", (event) => {
    table.classList.toggle("show-full", event.target.checked);
  });
  card.querySelector(".controls").hidden = false;
  // On a phone the table comes first.
  card.querySelector(".choices").open = window.innerWidth > 640;
  show();
  showBlocks();
}

/** Shows where a system is in its table. */
function markRow(table, label) {
  document.querySelectorAll("tr.row.marked").forEach((row) => row.classList.remove("marked"));
  const card = document.querySelector(`[data-table="${table}"]`);
  [...card.querySelectorAll("tr.row")].filter((row) => row.dataset.label === label).forEach((row) => row.classList.add("marked"));
}
