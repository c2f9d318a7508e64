// Plotly: bitrate or any column against any other, with intervals.
const scatter = { table: 0, x: 0, y: 0 };
const dashes = ["solid", "dot", "dashdot", "longdash", "dash"];
// The markers of the static plots, in their order.
const symbols = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "triangle-right", "pentagon", "star", "triangle-left", "hexagon"];

const axesOf = (table) => [{ label: "bitrate", heading: "kbit/s", digits: 2 }, ...table.columns];
const at = (row, axis) => (axis === 0 ? (row.bitrate === null ? null : [row.bitrate]) : row.cells[axis - 1]);

function startScatter() {
  if (!data.tables.length || !data.tables.some((table) => table.columns.length)) {
    document.getElementById("plot").hidden = true;
    return;
  }
  chooseTable(0);
  themeListeners.push(draw);
}

function chooseTable(index) {
  const table = data.tables[index];
  scatter.table = index;
  const rated = table.rows.some((row) => row.bitrate !== null);
  scatter.x = rated || table.columns.length < 2 ? 0 : 1;
  scatter.y = rated || table.columns.length < 2 ? 1 : 2;
  const names = axesOf(table).map((axis) => axis.heading);
  const box = document.getElementById("plot-controls");
  box.replaceChildren(
    ...(data.tables.length > 1 ? [select("Table", data.tables.map((t) => t.name), index, chooseTable)] : []),
    select("Horizontal", names, scatter.x, (i) => { scatter.x = i; draw(); }),
    select("Vertical", names, scatter.y, (i) => { scatter.y = i; draw(); }),
  );
  draw();
}

/** Where an axis of bitrates is marked: at round numbers, the coarsest of which there are four. */
function roundRates(low, high) {
  let found = [];
  for (const steps of [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 6, 8], Array.from({ length: 90 }, (_, i) => 1 + i / 10)]) {
    found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      found.push(...steps.map((step) => Number((step * 10 ** power).toPrecision(3))).filter((rate) => rate >= low && rate <= high));
    }
    if (found.length >= 4) break;
  }
  const every = Math.ceil(found.length / 9);
  return found.filter((_, i) => i % every === 0);
}

function errors(points, axis) {
  if (axis === 0) return undefined;
  const reach = (end, sign) => points.map(({ row }) => {
    const [value, low, high] = at(row, axis);
    return low === null || high === null ? 0 : Math.max(0, sign * ((end ? high : low) - value));
  });
  return { type: "data", symmetric: false, array: reach(true, 1), arrayminus: reach(false, -1), thickness: 1, width: 3 };
}

function hover(row, axes) {
  const lines = [`<b>${plotText(row.label)}</b>`, plotText(row.section)];
  if (row.bitrate !== null) lines.push(`${row.bitrate.toFixed(2)} kbit/s`);
  for (const axis of new Set([scatter.x, scatter.y].filter((i) => i > 0))) {
    const cell = at(row, axis), { heading, digits: n } = axes[axis];
    if (!cell) continue;
    const interval = cell[1] === null || cell[2] === null ? "" : ` (${cell[1].toFixed(n)} to ${cell[2].toFixed(n)})`;
    lines.push(`${plotText(heading)}: ${cell[0].toFixed(n)}${interval}, n ${cell[3]} of ${cell[4]}`);
  }
  return lines.join("<br>");
}

function draw() {
  const table = data.tables[scatter.table], axes = axesOf(table), { x, y } = scatter;
  const families = new Map(), levels = [];
  let missing = 0;
  for (const row of table.rows) {
    if (at(row, x) && at(row, y)) {
      if (!families.has(row.family)) families.set(row.family, []);
      families.get(row.family).push(row);
    } else if (x === 0 && row.bitrate === null && at(row, y)) levels.push(row);
    else missing += 1;
  }
  const conditions = [...new Set(table.rows.map((row) => row.condition))];
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--text").trim(), grid = style.getPropertyValue("--line").trim();
  const traces = [...families].map(([name, rows]) => {
    const points = rows.map((row) => ({ row })).sort((a, b) => at(a.row, x)[0] - at(b.row, x)[0]);
    const { condition, look } = points[0].row, colour = points[0].row.colour || ink;
    return {
      type: "scatter", name: plotText(name), mode: points.length > 1 && x === 0 ? "lines+markers" : "markers",
      x: points.map((p) => at(p.row, x)[0]), y: points.map((p) => at(p.row, y)[0]),
      error_x: errors(points, x), error_y: errors(points, y),
      customdata: points.map((p) => p.row.label), hovertext: points.map((p) => hover(p.row, axes)), hoverinfo: "text",
      line: { color: colour, dash: dashes[conditions.indexOf(condition) % dashes.length] },
      marker: { color: colour, size: 10, symbol: look < 0 ? "line-ns-open" : symbols[look % symbols.length] },
    };
  });
  const rates = traces.flatMap((trace) => trace.x);
  // What has no bitrate, such as the recordings themselves, is a level.
  if (rates.length) {
    const ends = [Math.min(...rates) * 0.9, Math.max(...rates) * 1.1];
    for (const row of levels) {
      traces.push({
        type: "scatter", mode: "lines", name: plotText(row.label), x: ends, y: [at(row, y)[0], at(row, y)[0]],
        customdata: [row.label, row.label], hovertext: [hover(row, axes), hover(row, axes)], hoverinfo: "text",
        line: { color: row.colour || ink, dash: "dash", width: 1.5 },
      });
    }
  } else missing += levels.length;
  const axis = (i) => ({
    title: { text: plotText(axes[i].heading) }, gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true,
    ticks: "outside", tickcolor: grid,
    ...(i === 0 && rates.length ? { type: "log", tickformat: "~g", tickvals: roundRates(Math.min(...rates) * 0.9, Math.max(...rates) * 1.1) } : {}),
  });
  const narrow = window.innerWidth < 700;
  const layout = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, family: "inherit", size: 13 },
    margin: { l: 50, r: 10, t: 34, b: 50 }, xaxis: axis(x), yaxis: axis(y), hovermode: "closest",
    legend: narrow ? { orientation: "h", yref: "container", y: 0, yanchor: "bottom" } : {}, showlegend: true,
    hoverlabel: { bgcolor: style.getPropertyValue("--card").trim(), font: { color: ink }, align: "left" },
  };
  const chart = document.getElementById("chart");
  Plotly.react(chart, traces, layout, { displaylogo: false, responsive: true }).then(() => {
    if (chart.dataset.ready) return;
    chart.dataset.ready = "yes";
    chart.on("plotly_relayout", (moved) => {
      const ends = [moved["xaxis.range[0]"], moved["xaxis.range[1]"]];
      if (scatter.x === 0 && ends.every(Number.isFinite)) Plotly.relayout(chart, { "xaxis.tickvals": roundRates(...ends.map((end) => 10 ** end)) });
      else if (scatter.x === 0 && moved["xaxis.autorange"]) draw();
    });
    chart.on("plotly_click", (event) => markRow(scatter.table, event.points[0].customdata));
  });
  document.getElementById("plot-note").textContent = missing ? `${missing} of ${table.rows.length} systems lack one of the two values.` : "";
}
