// Starts everything; the tables and the provenance are in the page already.
startTheme();
document.querySelectorAll(".results").forEach(startTable);
startScatter();
if (data.runs.length) {
  startList();
  startWorst();
  startDetail();
  openFromAddress();
  window.addEventListener("hashchange", openFromAddress);
}
document.querySelectorAll(".zoom").forEach((button) => button.addEventListener("click", () => {
  const dialog = document.getElementById("enlarged"), { src, alt } = button.querySelector("img");
  dialog.replaceChildren(el("button", { type: "button", class: "action", click: () => dialog.close() }, "✕ Close"), el("img", { src, alt }));
  dialog.showModal();
}));
