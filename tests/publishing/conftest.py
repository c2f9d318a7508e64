"""A real run that kept its audio, what is published of it, and a browser for the sites of test modules."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import codec_bench
from codec_bench.publishing.folder import write
from codec_bench.publishing.packing import pack
from codec_bench.runs.directory import Run

Open = Callable[..., Any]
"""Opens a page of a site: `opened("codecs/opus.html", width=390)`."""


@pytest.fixture(scope="session")
def kept_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Four recordings by two codecs, clean and with noise, scored by three metrics, with their audio."""
    return codec_bench.run(
        ["codec2@1200", "opus@6000"],
        "demo",
        sample=4,
        condition=["noise@10"],
        metrics=["stoi", "si_sdr", "gpe"],
        keep_audio=True,
        report=False,
        jobs=1,
        out=tmp_path_factory.mktemp("published") / "run",
    )


@pytest.fixture(scope="session")
def published(kept_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of that run; tests that change it take `results`."""
    folder = tmp_path_factory.mktemp("published") / "results"
    for packed in pack(kept_run):
        write(packed, folder)
    return folder


@pytest.fixture
def results(published: Path, tmp_path: Path) -> Path:
    """A copy of that folder to break."""
    return Path(shutil.copytree(published, tmp_path / "results"))


@pytest.fixture
def opened(browser: Any, site: Path) -> Iterator[Open]:
    """Opens a page of the site from the disk; in the end nothing was asked of a network, and nothing went wrong."""
    problems: list[str] = []
    asked: list[str] = []
    contexts = []

    def open_page(place: str = "index.html", *, width: int = 1280, height: int = 900) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: problems.append(str(e)))
        page.on("request", lambda r: asked.append(r.url))
        page.goto(f"{site.as_uri()}/{place}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def labels(page: Any) -> list[str]:
    return [row.get_attribute("data-label") for row in page.query_selector_all("#board tr.row")]
