"""Fixtures for all tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Each process of pytest-xdist has one core; more threads than cores make torch several times slower.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# CI looks at the same examples each time, so that a change is blamed for what it does; people's runs look further.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real recordings, weights and golden values beside the repository."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the shared test material is not beside the repository")
    return folder


@pytest.fixture(scope="session")
def longcat_mirror(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror with weights of LongCat's real names and layout, of a small size: what they decode is noise."""
    root = tmp_path_factory.mktemp("mirror")
    files = root / "hf/meituan-longcat/LongCat-Audio-Codec/ckpts"
    files.mkdir(parents=True)
    golden = shared / "golden" / "longcat"
    command = [sys.executable, str(golden / "weights_from_manifest.py"), str(golden / "manifest_tiny.json"), str(files)]
    subprocess.run(command, check=True, capture_output=True)
    cmvn = "LongCatAudioCodec_encoder_cmvn.npy"
    (files / cmvn).write_bytes((golden / cmvn).read_bytes())
    return root


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache."""
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.delenv("CODEC_BENCH_MIRROR", raising=False)
