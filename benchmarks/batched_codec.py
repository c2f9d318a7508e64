"""Utterances per second of a codec coded one by one and in batches, side by side in one process.

    python benchmarks/batched_codec.py --codec dac-16khz --device cuda --seconds 120

Runs wherever the codec runs; on a CPU batches seldom pay. Prints one JSON object, with the largest differences between
the two: tokens must be equal, and audio nearly so.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import fetch_weights, parse_systems
from codec_bench.coding.dispatch import Dispatcher
from codec_bench.coding.items import Item, resolve_items
from codec_bench.coding.local import LocalCoders
from codec_bench.coding.reconstruct import Reconstructor
from codec_bench.coding.rows import Row
from codec_bench.datasets.loading import load_dataset
from codec_bench.tokens import Tokens


@dataclass(frozen=True)
class One:
    """An utterance to be coded."""

    item: Item


def measured(row: Row, items: tuple[Item, ...], device: str, batch_seconds: float) -> tuple[float, Reconstructor]:
    """Utterances per second, the loading of the model excluded, and what was made."""
    folder = Path(tempfile.mkdtemp())
    coding = Dispatcher(folder, LocalCoders(folder, device, batch_seconds))
    coding.audio(row, items[0])  # loads and warms up
    started = time.perf_counter()
    for _, problem in coding.coded(row, [One(item) for item in items[1:]]):
        if problem is not None:
            raise problem
    rate = (len(items) - 1) / (time.perf_counter() - started)
    coding.close()
    return rate, coding.reconstructor


def differences(row: Row, items: tuple[Item, ...], single: Reconstructor, batched: Reconstructor) -> dict[str, float]:
    """Share of tokens that differ, and the largest difference between two samples."""
    tokens = other = 0
    audio = 0.0
    for item in items:
        codes = [made.codes(row, item)[0] for made in (single, batched)]
        if all(isinstance(code, Tokens) for code in codes):
            for first, second in zip(*(code.streams for code in codes if isinstance(code, Tokens)), strict=True):
                tokens += len(first.codes)
                other += int((first.codes != second.codes).sum())
        signals = [made.audio(row, item).samples for made in (single, batched)]
        audio = max(audio, float(np.abs(signals[0] - signals[1]).max()))
    return {"tokens_that_differ": other / tokens if tokens else 0.0, "largest_audio_difference": audio}


def main() -> None:
    """Measures in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codec", default="lyra")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dataset", default="demo")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--seconds", type=float, default=120.0, help="of audio in a batch, padding included")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    system = parse_systems([options.codec], [])[0]
    assert isinstance(system.source, Codec), "audio that exists already is not coded"
    fetch_weights(system.source)
    row, items = Row(system), resolve_items(load_dataset(options.dataset, limit=options.limit), []).items
    rates: dict[str, list[float]] = {"single": [], "batched": []}
    for _ in range(options.rounds):
        first, single = measured(row, items, options.device, 0.0)
        second, batched = measured(row, items, options.device, options.seconds)
        rates["single"].append(first)
        rates["batched"].append(second)
    medians = {name: round(statistics.median(values), 3) for name, values in rates.items()}
    result = {
        "benchmark": "codec in batches over one by one",
        "codec": system.label,
        "devices": single.devices,
        "utterances_per_second": medians,
        "ratio": round(medians["batched"] / medians["single"], 3),
        **differences(row, items, single, batched),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
