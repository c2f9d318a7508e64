// What all parts use: the data, and elements whose text can never become markup.
const data = JSON.parse(document.getElementById("report-data").textContent);

/** An element; attributes that are functions are listeners, children that are strings are text. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

function select(label, options, chosen, change) {
  const box = el("select", { "aria-label": label, change: () => change(Number(box.value)) });
  options.forEach((text, i) => box.append(el("option", { value: i, selected: i === chosen }, text)));
  return el("label", { class: "field" }, label, box);
}

/** Runs a file beside the page, which calls a function of ours: from `file://`, a page may load nothing but scripts. */
function loadScript(file, failed) {
  document.head.append(el("script", { src: file, error: failed }));
}

const digits = (value, n) => (value === null || value === undefined ? "–" : value.toFixed(n));

// One for all texts: making it takes longer than comparing.
const collator = new Intl.Collator(undefined, { numeric: true });

/** Compares numbers, or texts by language; what is missing is last in both directions. */
function compare(a, b, falling) {
  const gone = (v) => v === null || v === undefined || v === "";
  if (gone(a) || gone(b)) return gone(a) - gone(b);
  const order = typeof a === "number" ? a - b : collator.compare(a, b);
  return falling ? -order : order;
}

/** Text that Plotly shows as it is: it takes tags and entities in labels for markup. */
const plotText = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
