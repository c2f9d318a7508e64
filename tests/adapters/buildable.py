"""A machine where codecs can run that need more than is here: with small random weights in the published layout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codec_bench.adapters import CODECS, Codec
from tests.adapters import small_models, small_packages
from tests.adapters.isolated import standins

SHARED = Path(__file__).resolve().parents[3] / "shared"
"""Has real weights, if it is there."""

STANDINS = {cls.name: name for name in standins.NAMES for cls in standins.module_of(name).CLASSES}
"""The stand-in of each codec of which the source is on GitHub."""

LONGCAT = ("longcat", "longcat-24k", "longcat-24k-sft", "longcat-24k-aug-sft")
NAMES = (*small_models.CODECS, *small_packages.NAMES, *STANDINS, *LONGCAT)


class Machine:
    """A mirror and a home folder that fill as codecs are asked for.

    Args:
        root: Folder for both.
        patch: Undone when the tests are over.
    """

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.mirror = root / "mirror"
        self._mirrors = [self.mirror, SHARED]
        self._home = root / "home"
        self._patch = patch
        self._prepared: set[str] = set()
        self._checkpoints: dict[str, Path | None] = {}
        self.use(patch)

    def use(self, patch: pytest.MonkeyPatch) -> None:
        """Lets codecs find what is here."""
        patch.setenv("CODEC_BENCH_HOME", str(self._home))
        patch.setenv("CODEC_BENCH_MIRROR", os.pathsep.join(map(str, self._mirrors)))
        patch.setenv("CODEC_BENCH_OFFLINE", "1")

    def add(self, mirror: Path) -> None:
        """Lets codecs find what is in another mirror, too."""
        self._mirrors.append(mirror)
        self.use(self._patch)

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
        return None
