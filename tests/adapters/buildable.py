"""A machine where codecs can run that need more than is here: with small random weights in the published layout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codec_bench.adapters import CODECS, Codec
from tests.adapters import small_models, small_packages
from tests.adapters.isolated import standins

SHARED = Path(__file__).resolve().parents[3] / "shared"
"""Has real weights, if it is there."""

STANDINS = {cls.name: name for name in standins.NAMES for cls in standins.module_of(name).CLASSES}
"""The stand-in of each codec of which the source is on GitHub."""

LONGCAT = ("longcat", "longcat-24k", "longcat-24k-sft")
NAMES = (*small_models.CODECS, *small_packages.NAMES, *STANDINS, *LONGCAT)


class Machine:
    """A mirror and a home folder that fill as codecs are asked for.

    Args:
        root: Folder for both.
        patch: Undone when the tests are over.
    """

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.mirror = root / "mirror"
        self._home = root / "home"
        self._patch = patch
        self._prepared: set[str] = set()
        self._checkpoints: dict[str, Path | None] = {}
        self.use(patch)

    def use(self, patch: pytest.MonkeyPatch) -> None:
        """Lets codecs find what is here."""
        patch.setenv("CODEC_BENCH_HOME", str(self._home))
        patch.setenv("CODEC_BENCH_MIRROR", os.pathsep.join([str(self.mirror), str(SHARED)]))
        patch.setenv("CODEC_BENCH_OFFLINE", "1")

    def prepare(self, standin: str) -> None:
        """Puts weights and environments of a stand-in here, once."""
        if standin not in self._prepared:
            self._prepared.add(standin)
            standins.prepare(standin, self.mirror, self._patch)

    def codec(self, name: str, setting: str | int | None) -> Codec:
        """A codec at a setting, loaded; the test is skipped where it cannot run."""
        cls = CODECS.get(name)
        if name not in STANDINS and (reason := cls.unsupported()):
            pytest.skip(reason)
        if name not in self._checkpoints:
            self._checkpoints[name] = self._build(name)
        checkpoint = self._checkpoints[name]
        if checkpoint is None and (reason := cls.unavailable()):
            pytest.skip(reason)
        made = cls(codebooks=setting) if isinstance(setting, int) else cls(setting)
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
        elif name in STANDINS:
            self.prepare(STANDINS[name])
        elif name in LONGCAT and SHARED.is_dir():
            build_longcat(self.mirror)
        return None


def build_longcat(mirror: Path) -> None:
    """Weights with LongCat's real names and layout, of a small size: what they decode is noise."""
    files = mirror / "hf/meituan-longcat/LongCat-Audio-Codec/ckpts"
    if files.is_dir():
        return
    files.mkdir(parents=True)
    golden = SHARED / "golden" / "longcat"
    script = [str(golden / "weights_from_manifest.py"), str(golden / "manifest_tiny.json"), str(files)]
    subprocess.run([sys.executable, *script], check=True, capture_output=True)
    cmvn = "LongCatAudioCodec_encoder_cmvn.npy"
    (files / cmvn).write_bytes((golden / cmvn).read_bytes())
