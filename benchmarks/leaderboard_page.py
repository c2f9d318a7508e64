"""A leaderboard of many systems: how long it takes to write, to be seen, and to filter.

`python benchmarks/leaderboard_page.py [--systems 500] [--metrics 30]` publishes results with drawn scores, writes the
site, opens it in the Chromium of the machine with all columns shown, and prints milliseconds: until a screen of the
table is painted, until it is painted again after the slowest of some filters, and until all rows of a page have
followed. On a machine that has other things to do, the least is what the page takes, and the median says what they
cost. Needs `playwright` and a Chromium; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import codec_bench
from codec_bench.files import digest
from codec_bench.leaderboard.site import write_site
from codec_bench.options import BANDS
from codec_bench.publishing.folder import place_of, text_of
from codec_bench.publishing.packing import pack
from codec_bench.publishing.result import PublishedMetric, Result
from codec_bench.publishing.scores import read_scores, recomputed

UTTERANCES, SPEAKERS = 24, 12
PAGES, ROWS = 7, 50
LIMITS_MS = {"first paint": 1000.0, "filter": 100.0}

PAINTED = """() => new Promise((done) => {
  const look = () => document.querySelector("#board tr.row") ? requestAnimationFrame(() => done(performance.now()))
                                                             : requestAnimationFrame(look);
  look();
})"""
FOLLOWED = """(rows) => new Promise((done) => {
  const look = () => document.querySelectorAll("#board tr.row").length >= rows
    ? requestAnimationFrame(() => done(performance.now())) : requestAnimationFrame(look);
  look();
})"""
FILTERED = """(text) => new Promise((done) => {
  const box = document.getElementById("q"), started = performance.now();
  box.value = text;
  box.dispatchEvent(new Event("input"));
  document.body.offsetHeight;
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - started)));
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=500)
    parser.add_argument("--metrics", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        publish_many(folder / "results", options.systems, options.metrics)
        started = time.perf_counter()
        problems = write_site(folder / "results", folder / "site", bands=BANDS, claims=False)
        written = time.perf_counter() - started
        assert not [p for p in problems if not p.is_warning], problems[0].line
        size = (folder / "site/index.html").stat().st_size / 1e6
        print(f"{options.systems} systems x {options.metrics} metrics: {written:.1f} s to write, {size:.2f} MB of page")
        for name, found in measure(folder / "site").items():
            text = f"{name}: least {min(found):.0f} ms, median {statistics.median(found):.0f} ms of {len(found)}"
            if name in LIMITS_MS:
                limit = LIMITS_MS[name]
                text += f" (limit {limit:.0f}): {'pass' if min(found) <= limit else 'falls short'}"
            print(text)


def publish_many(folder: Path, systems: int, metrics: int) -> None:
    """Results of a real run, with other names and drawn scores that fit the stated values."""
    with tempfile.TemporaryDirectory() as temporary:
        run = codec_bench.run("opus@6000", "demo", limit=1, metrics=["stoi"], report=False, jobs=1, out=temporary)
        reference, real = (one.result for one in pack(run))
    draw = random.Random(0)
    names = [f"drawn{i}" for i in range(metrics)]
    for i in range(systems):
        scores = drawn(names, draw)
        data = gzip.compress(json.dumps(scores).encode(), mtime=0)
        made = plain_of(real if i else reference, f"codec{i % 100}@{i // 100}" if i else "ground-truth", names, data)
        result = Result.model_validate_json(json.dumps(made))
        place = folder / place_of(result)
        place.parent.mkdir(parents=True)
        (place.parent / "demo.scores.json.gz").write_bytes(data)
        place.write_text(text_of(result.describe()))


def drawn(names: list[str], draw: random.Random) -> dict[str, Any]:
    count = UTTERANCES * len(names)
    return {
        "codec_bench_scores": 1,
        "utterances": [f"u{u}" for u in range(UTTERANCES)],
        "speakers": [f"s{u % SPEAKERS}" for u in range(UTTERANCES)],
        "metrics": names,
        "statuses": ["ok"],
        "utterance": [u for u in range(UTTERANCES) for _ in names],
        "metric": list(range(len(names))) * UTTERANCES,
        "status": [0] * count,
        "numerator": [draw.uniform(1, 5) for _ in range(count)],
        "denominator": [1.0] * count,
        "training": [],
    }


def plain_of(result: Result, label: str, names: list[str], data: bytes) -> dict[str, Any]:
    """A result as JSON, under another name, with the metrics of its scores."""
    made = result.describe()
    codec = label.partition("@")[0]
    made["system"] |= {"label": label, "codec": codec, "fingerprint": digest(label.encode()), "is_plug_in": True}
    made["dataset"] |= {"utterances": UTTERANCES, "speakers": SPEAKERS}
    made |= {"samples": [], "audio": [], "lag": None}
    made["scores"] = {"name": "demo.scores.json.gz", "sha256": digest(data), "bytes": len(data)}
    scores = read_scores(data)
    made["metrics"] = []
    for name in names:
        plain = result.metrics[0].model_dump() | {
            "label": name, "name": name, "title": name, "n": UTTERANCES, "expected": UTTERANCES, "missing": {},
        }  # fmt: skip
        found = recomputed(scores, PublishedMetric.model_validate(plain))
        made["metrics"].append(plain | {"value": found.value, "low": found.low, "high": found.high})
    return made


def measure(site: Path) -> dict[str, list[float]]:
    """Milliseconds of every page and of every filter; for a page, the slowest of its filters."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        every = ",".join(map(str, range(30)))
        found: dict[str, list[float]] = {"first paint": [], "filter": [], f"{ROWS} rows": []}
        for _ in range(PAGES):
            page = browser.new_page()
            page.goto(f"{(site / 'index.html').as_uri()}#columns={every}", wait_until="commit")
            found["first paint"].append(page.evaluate(PAINTED))
            found[f"{ROWS} rows"].append(page.evaluate(FOLLOWED, ROWS))
            page.wait_for_timeout(500)
            found["filter"].append(max(page.evaluate(FILTERED, text) for text in ("codec1", "codec2", "", "codec33")))
            page.close()
        browser.close()
    return found


if __name__ == "__main__":
    main()
