"""Memory and time of token statistics over many clips: python benchmarks/token_memory.py [CLIPS ...].

Each size runs in a process of its own; tokens are made up as they are asked for, 8 codebooks of 1024 entries at 50 Hz,
5 seconds per clip. Memory is to stay level while clips grow.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codec_bench.coding.items import Item
from codec_bench.records import Utterance
from codec_bench.token_statistics.analysis import AnalysisOptions, analyse
from codec_bench.token_statistics.embedding_map import histogram_embedding
from codec_bench.tokens import Codebook, Stream, Tokens

BOOKS, SIZE, FRAMES = 8, 1024, 250


class Clips:
    """Skewed random tokens that depend on the clip alone."""

    can_encode = False
    systems = {"made-up": {}}  # noqa: RUF012

    def tokens(self, system: str, item: Item) -> Tokens:
        """The tokens of a clip."""
        draw = np.random.default_rng(int(item.utterance.id))
        codes = (SIZE * draw.random((BOOKS, FRAMES)) ** 3).astype(np.int64)
        book = Codebook(SIZE, hop=320)
        return Tokens(tuple(Stream(c, book, Fraction(50)) for c in codes))

    def changed(self, system: str, item: Item, change: str) -> Tokens:
        """Nothing."""
        raise NotImplementedError

    def embedding(self, system: str, item: Item) -> tuple[NDArray[np.float64], str]:
        """Histograms."""
        return histogram_embedding(self.tokens(system, item)), "one-hot"

    def close(self) -> None:
        """Nothing is loaded."""


def measure(clips: int) -> None:
    items = [Item(Utterance(str(i), Path(), speaker=f"speaker-{i % 251}"), str(i)) for i in range(clips)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    found = analyse(Clips(), "made-up", items, AnalysisOptions(), lambda stage, done: None)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    types = found.spectra[-1].distinct
    print(
        f"{clips:>8} {clips * BOOKS * FRAMES:>12} {types:>12} {before:>8.0f} {peak:>8.0f} {seconds:>8.1f}", flush=True
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(int(sys.argv[2]))
    else:
        print(f"{'clips':>8} {'tokens':>12} {'6-grams':>12} {'MB at 0':>8} {'MB peak':>8} {'seconds':>8}", flush=True)
        for clips in sys.argv[1:] or ["1000", "10000", "100000"]:
            subprocess.run([sys.executable, __file__, "--one", clips], check=True)
