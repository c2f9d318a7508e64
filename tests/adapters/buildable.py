"""Every codec that can be built here, from real weights or from small random ones in the published layout."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from codec_bench.adapters import CODECS, Codec
from tests.adapters import small_models, small_packages
from tests.adapters.isolated import standins

STANDINS = {
    cls.name: module
    for module in (
        importlib.import_module(f"{standins.__name__}.{m.name}") for m in pkgutil.iter_modules(standins.__path__)
    )
    for cls in module.CLASSES
}
"""The module that prepares each codec of which the source is on GitHub."""

LONGCAT = ("longcat", "longcat-24k", "longcat-24k-sft")
NAMES = (*small_models.CODECS, *small_packages.NAMES, *STANDINS, *LONGCAT)

LONG_ELSEWHERE = (*small_models.CODECS, *small_packages.NAMES)
"""Codecs whose own tests code a minute."""


class Machine:
    """A mirror and a home folder that fill as codecs are asked for.

    Args:
        root: Folder for both.
        patch: Undone when the tests are over.
        shared: Folder with real weights, if it is there.
    """

    def __init__(self, root: Path, patch: pytest.MonkeyPatch, shared: Path) -> None:
        self.mirror = root / "mirror"
        self._home = root / "home"
        self._patch = patch
        self._shared = shared
        self._prepared: set[str] = set()
        self._checkpoints: dict[str, Path | None] = {}
        self.use(patch)

    def use(self, patch: pytest.MonkeyPatch) -> None:
        """Lets codecs find what is here."""
        patch.setenv("CODEC_BENCH_HOME", str(self._home))
        patch.setenv("CODEC_BENCH_MIRROR", os.pathsep.join([str(self.mirror), str(self._shared)]))
        patch.setenv("CODEC_BENCH_OFFLINE", "1")

    def codec(self, name: str, setting: str | int | None) -> Codec:
        """A codec at a setting, loaded; the test is skipped where it cannot run."""
        cls = CODECS.get(name)
        reason = cls.unsupported() if name not in STANDINS else None
        if reason:
            pytest.skip(reason)
        if name not in self._checkpoints:
            self._checkpoints[name] = self._build(name)
        reason = cls.unavailable() if self._checkpoints[name] is None else None
        if reason:
            pytest.skip(reason)
        made = cls(codebooks=setting) if isinstance(setting, int) else cls(setting)
        checkpoint = self._checkpoints[name]
        if checkpoint is not None:
            made.use_checkpoint(checkpoint)  # type: ignore[attr-defined]
        made.load()
        return made

    def _build(self, name: str) -> Path | None:
        """Puts weights into the mirror; returns those that have to be given as a checkpoint."""
        if name in small_models.CODECS:
            small_models.build(name, self.mirror)
        elif name in small_packages.NAMES:
            return small_packages.build(name, self.mirror)
        elif name in STANDINS and STANDINS[name].__name__ not in self._prepared:
            self._prepared.add(STANDINS[name].__name__)
            STANDINS[name].prepare(self.mirror, self._patch)
        elif name in LONGCAT and self._shared.is_dir():
            self._build_longcat()
        return None

    def _build_longcat(self) -> None:
        files = self.mirror / "hf/meituan-longcat/LongCat-Audio-Codec/ckpts"
        if files.is_dir():
            return
        files.mkdir(parents=True)
        golden = self._shared / "golden" / "longcat"
        script = [str(golden / "weights_from_manifest.py"), str(golden / "manifest_tiny.json"), str(files)]
        subprocess.run([sys.executable, *script], check=True, capture_output=True)
        cmvn = "LongCatAudioCodec_encoder_cmvn.npy"
        (files / cmvn).write_bytes((golden / cmvn).read_bytes())
