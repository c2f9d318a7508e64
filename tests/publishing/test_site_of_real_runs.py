"""A leaderboard of what people have: codecs that run here, files of others, a probe, and the papers' claims."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import codec_bench
from codec_bench.leaderboard.site import write_site
from codec_bench.options import BANDS
from codec_bench.publishing.claims import claims_of_papers, write_claims
from codec_bench.publishing.folder import write
from codec_bench.publishing.packing import pack
from codec_bench.runs.directory import Run
from tests.publishing.conftest import Open, labels

pytestmark = pytest.mark.slow

METRICS = ["stoi", "pesq_wb", "gpe"]
FEW = 6


@pytest.fixture(scope="module")
def runs(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Codec 2, Opus, Lyra; reconstructions of LLM-Codec and LongCat by their authors; speakers from the codes."""
    folder = tmp_path_factory.mktemp("real")
    options: dict[str, Any] = {"jobs": 1, "report": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(folder / "home"))
        patch.setenv("CODEC_BENCH_MIRROR", f"{shared}:{shared / 'models'}:{shared / 'hf'}")
        patch.setenv("CODEC_BENCH_OFFLINE", "1")
        patch.setenv("CODEC_BENCH_NO_VERIFY", "1")
        codecs = ["codec2@1200", "opus@6000", "lyra@16"]
        made = [
            codec_bench.run(
                codecs, "demo", sample=FEW, metrics=METRICS, keep_audio=True, out=folder / "demo", **options
            )
        ]
        pairs = shared / "data" / "testB_pairs"
        names = sorted(path.name for path in (pairs / "LLM-Codec").iterdir())[:FEW]
        for name in ("GT", "LLM-Codec"):
            (folder / name).mkdir()
            for file in names:
                shutil.copy(pairs / name / file, folder / name)
        demo = shared / "data" / "longcat_demo"
        for name, reference, decoded, kbps in (
            ("llm-codec", folder / "GT", folder / "LLM-Codec", 0.85),
            ("longcat-demo", demo / "original", demo / "longcat_24k_4codebooks", 0.87),
        ):
            out = folder / name
            made.append(
                codec_bench.score(reference, decoded, name=name, bitrate=kbps, metrics=METRICS, out=out, **options)
            )
        made += codec_bench.probe("codec2@1200,lyra@16", "sid", dataset=["demo"], seeds=1, jobs=1, out=folder / "probe")
    return made


@pytest.fixture(scope="module")
def site(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("leaderboard")
    for run in runs:
        for packed in pack(run):
            write(packed, folder / "results")
    write_claims(claims_of_papers(), folder / "results")
    problems = write_site(folder / "results", folder / "site", bands=BANDS)
    assert [problem.line for problem in problems if not problem.is_warning] == []
    return folder / "site"


def test_what_readers_do(opened: Open, faults: Callable[[Any], list[str]], runs: list[Run], site: Path) -> None:
    """Filters, sorts, follows a link, compares, reads it on a phone; `opened` sees that no network was asked."""
    page = opened()
    assert set(labels(page)) == {"ground-truth", "codec2@1200", "opus@6000", "lyra@16"}
    page.fill("#q", "lyra opus")
    page.click("#board th[data-key='kbps'] button")
    assert labels(page) == ["lyra@16", "opus@6000"]
    page.wait_for_url(lambda url: "q=lyra" in url)
    again = opened(page.url.removeprefix(f"{site.as_uri()}/"))
    assert labels(again) == ["lyra@16", "opus@6000"]
    again.fill("#q", "")
    ids = {row.get_attribute("data-label"): row.get_attribute("data-id") for row in again.query_selector_all("tr.row")}
    again.select_option("#compare-controls label:has-text('First') select", ids["opus@6000"])
    again.select_option("#compare-controls label:has-text('Second') select", ids["lyra@16"])
    values = runs[0].summary.set_index(["system", "metric"])["value"]
    difference = values["lyra@16", "stoi"] - values["opus@6000", "stoi"]
    assert f"{difference:+.3f}" in again.inner_text("#compared")
    assert faults(again) == []
    sets = again.locator("label:has-text('Recordings') option").all_text_contents()
    assert any(text.startswith("probes: demo") for text in sets)
    for name, text in (("llm-codec", "0.85†"), ("longcat-demo", "0.87†")):
        row = _row_in_some_set(again, name)
        assert text in row
    phone = opened(width=390, height=800)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.locator("#board tr.row").first.bounding_box()["y"] < 800
    assert faults(phone) == []


def _row_in_some_set(page: Any, label: str) -> str:
    """The row of a system, in the first set of recordings that has one."""
    box = page.locator("label:has-text('Recordings') select")
    for value in box.locator("option").evaluate_all("(options) => options.map((option) => option.value)"):
        box.select_option(value)
        if label in labels(page):
            return str(page.inner_text(f"#board tr[data-label='{label}']"))
    pytest.fail(f"{label} is in no table")


def test_claims_stand_beside_what_was_measured(opened: Open) -> None:
    page = opened()
    assert "published values" in page.inner_text("#claims")
    page = opened("codecs/longcat.html")
    assert "not yet measured" in page.inner_text("#claims")
    page = opened("codecs/lyra.html")
    assert "codec-bench run --codec lyra@16 --dataset demo" in page.inner_text("#run")
    assert page.locator("audio").count() >= 2
