"""A real run that kept its audio, and what is published of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import codec_bench
from codec_bench.publishing.folder import write
from codec_bench.publishing.packing import pack
from codec_bench.runs.directory import Run


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
