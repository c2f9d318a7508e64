// Starts everything; the tables and the provenance are in the page already.
function startExplorer() {
  startList();
  startWorst();
  startDetail();
  openFromAddress();
  window.addEventListener("hashchange", openFromAddress);
}

/** Scores and texts of all utterances, which would make this page too large, from a file beside it. */
function loadRuns() {
  const places = ["list-controls", "worst-controls", "failure-list"].map((id) => document.getElementById(id));
  const say = (text) => places.forEach((place) => place.replaceChildren(text));
  say("Scores and texts are being loaded.");
  window.codecBenchData = (runs) => {
    say("");
    data.runs = runs;
    startExplorer();
  };
  loadScript(data.beside, () => say(`${data.beside} is not beside this page: move it with it.`));
}

startTheme();
document.querySelectorAll(".results").forEach(startTable);
startScatter();
if (data.beside) loadRuns();
else if (data.runs.length) startExplorer();
document.querySelectorAll(".zoom").forEach((button) => button.addEventListener("click", () => {
  const dialog = document.getElementById("enlarged"), { src, alt } = button.querySelector("img");
  dialog.replaceChildren(el("button", { type: "button", class: "action", click: () => dialog.close() }, "✕ Close"), el("img", { src, alt }));
  dialog.showModal();
}));
