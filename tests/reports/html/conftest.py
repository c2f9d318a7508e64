"""A real browser, and reports for it: of an old run, of a hostile one, and of one to listen to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import codec_bench
from codec_bench.reports.html import write_html
from codec_bench.reports.table import build_tables
from codec_bench.runs.directory import Run, load_run

DEMO = Path(codec_bench.__file__).parent / "datasets" / "demo"
SCHEMA_1 = Path(__file__).resolve().parents[2] / "runs" / "data" / "schema_1"
HOSTILE = "<img src=x onerror=alert(1)>"
PHONE = {"width": 390, "height": 800}

# Whatever reaches the loudspeakers also reaches an analyser, so that a test hears what a listener would.
LISTEN = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target === this.context.destination) {
    if (!window.tap) {
      window.tap = this.context.createAnalyser();
      window.tap.fftSize = 8192;
      window.tap.smoothingTimeConstant = 0;
    }
    connect.call(this, window.tap);
  }
  return connect.call(this, target, ...rest);
};
"""


@dataclass
class Opened:
    """A page, and everything that went wrong or was asked for in it."""

    page: Any
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


# Brings a page that an earlier test has used back to how it opened: loading Plotly takes most of a test's time.
RESET = """
() => {
  document.querySelectorAll('dialog[open]').forEach((dialog) => dialog.close());
  const set = (input, value) => {
    if (input.value !== value) { input.value = value; input.dispatchEvent(new Event('input')); }
  };
  document.querySelectorAll('main input[type=search]').forEach((input) => set(input, ''));
  document.querySelectorAll('main input[type=checkbox]').forEach((box) => {
    if (box.checked !== box.defaultChecked) box.click();
  });
  document.querySelectorAll('main select').forEach((box) => {
    const first = [...box.options].findIndex((option) => option.defaultSelected);
    if (box.selectedIndex !== first) { box.selectedIndex = first; box.dispatchEvent(new Event('change')); }
  });
  document.activeElement.blur();
  scrollTo(0, 0);
}
"""


@pytest.fixture(scope="session")
def kept(browser: Any) -> Iterator[dict[str, Opened]]:
    """Pages that stay open for other tests."""
    pages: dict[str, Opened] = {}
    yield pages
    for opened in pages.values():
        opened.page.context.close()


@pytest.fixture
def visit(browser: Any, kept: dict[str, Opened]) -> Iterator[Callable[..., Opened]]:
    """Opens a report; at the end of the test nothing may have gone wrong in it.

    With `fresh=False` a page that another test left is taken.
    """
    contexts, visited = [], []

    def open_page(path: Path, address: str = "", tolerated: bool = False, fresh: bool = True, **options: Any) -> Opened:
        key = f"{path} {address} {options}"
        if not fresh and key in kept:
            opened = kept[key]
            opened.page.evaluate(RESET)
            visited.append(opened)
            return opened
        context = browser.new_context(offline=True, **({"viewport": {"width": 1300, "height": 900}} | options))
        context.add_init_script(LISTEN)
        opened = Opened(context.new_page())
        opened.page.on("console", lambda m: opened.problems.append(f"{m.type}: {m.text}"))
        opened.page.on("pageerror", lambda e: opened.problems.append(f"page error: {e}"))
        opened.page.on("dialog", lambda d: (opened.problems.append(f"dialog: {d.message}"), d.dismiss()))
        opened.page.on("request", lambda r: opened.requests.append(r.url))
        opened.page.goto(path.resolve().as_uri() + address)
        opened.page.wait_for_selector("#chart[data-ready]", state="attached")
        if fresh:
            contexts.append(context)
        else:
            kept[key] = opened
        if not tolerated:
            visited.append(opened)
        return opened

    yield open_page
    found = [problem for opened in visited for problem in opened.problems]
    asked = [u for o in visited for u in o.requests if not u.startswith(("file://", "data:", "blob:"))]
    for opened in visited:
        opened.problems.clear()
    for context in contexts:
        context.close()
    assert found == []
    assert asked == []


def report(runs: list[Run], out: Path) -> Path:
    return write_html(runs, build_tables(runs), out)


@pytest.fixture(scope="session")
def old() -> Run:
    """A run of schema 1 with texts, conditions and no audio."""
    return load_run(SCHEMA_1)


@pytest.fixture(scope="session")
def old_report(old: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report([old], tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, where every text that a user or a model can choose is an attack."""
    folder = tmp_path_factory.mktemp("hostile") / "run"
    shutil.copytree(SCHEMA_1, folder)
    system, attack = f"opus@6000{HOSTILE}", f"{HOSTILE} </script><script>alert(2)</script> \u2028 & 'x' %{{y}}"
    text = (folder / "run.json").read_text(encoding="utf-8")
    info = json.loads(text.replace('"opus@6000"', json.dumps(system)))
    info["warnings"].append(attack)
    info["plan"]["dataset"]["name"] = info["plan"]["dataset"]["title"] = attack
    info["plan"]["metrics"][0]["note"] = info["plan"]["metrics"][2]["title"] = attack
    info["coverage"]["failures"] = [attack]
    (folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
    for name in ("summary.csv", "hypotheses.csv", "utterances.csv"):
        frame = pd.read_csv(folder / name)
        if "system" in frame:
            frame["system"] = frame["system"].replace("opus@6000", system)
        if "text" in frame:
            frame["text"] = attack
        if "heard" in frame:
            frame["heard"] = frame["heard_compared"] = f"{HOSTILE} heard"
            frame["text_compared"] = f"{HOSTILE} said"
        frame.to_csv(folder / name, index=False)
    scores = pd.read_parquet(folder / "scores.parquet")
    scores["system"] = scores["system"].replace("opus@6000", system)
    failed = (scores["metric"] == "stoi") & (scores["system"] == system)
    scores.loc[failed, ["value", "numerator", "denominator"]] = None
    scores.loc[failed, "status"], scores.loc[failed, "reason"] = "error", attack
    scores.to_parquet(folder / "scores.parquet", index=False)
    return report([load_run(folder)], folder.parent)


@pytest.fixture(scope="session")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run to listen to: three sentences, Codec 2 at 8 kHz and Opus at 16 kHz."""
    folder = tmp_path_factory.mktemp("heard")
    manifest = pd.read_csv(DEMO / "manifest.tsv", sep="\t").iloc[[0, 6, 12]]
    manifest["path"] = [str(DEMO / path) for path in manifest["path"]]
    manifest.to_csv(folder / "three.tsv", sep="\t", index=False)
    options = {"metrics": ["stoi", "si_sdr"], "jobs": 1, "report": False, "keep_audio": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(folder / "home"))
        return codec_bench.run(["codec2@1200", "opus@12000"], str(folder / "three.tsv"), out=folder / "run", **options)


@pytest.fixture(scope="session")
def heard_report(heard: Run) -> Path:
    return report([heard], heard.path.parent / "report")
