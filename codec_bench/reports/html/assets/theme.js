// Light, dark, or as the system has it.
const themes = { auto: ["◐", "Auto"], light: ["☀", "Light"], dark: ["☾", "Dark"] };
const themeListeners = [];

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  const button = document.getElementById("theme");
  const [sign, word] = themes[name];
  button.replaceChildren(sign, el("span", { class: "word" }, ` ${word}`));
  button.setAttribute("aria-label", `Colours: ${name}. Change`);
  try {
    localStorage.setItem("codec-bench-theme", name);
  } catch { /* no storage for this page: the choice lasts until it is closed */ }
  themeListeners.forEach((listener) => listener());
}

function startTheme() {
  let name = "auto";
  try {
    name = localStorage.getItem("codec-bench-theme");
  } catch { /* as above */ }
  setTheme(name in themes ? name : "auto");
  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const names = Object.keys(themes);
    setTheme(names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length]);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => themeListeners.forEach((l) => l()));
}
