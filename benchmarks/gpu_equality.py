"""Whether a codec gives on a GPU what it gives on a CPU, and what a batch does that does not fit into its memory.

python benchmarks/gpu_equality.py mimi@8
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from limits import Limit, publish

from codec_bench.adapters.systems import fetch_weights, parse_systems
from codec_bench.coding.dispatch import Dispatcher
from codec_bench.coding.items import resolve_items
from codec_bench.coding.local import LocalCoders
from codec_bench.coding.rows import Row
from codec_bench.datasets.loading import load_dataset
from codec_bench.tokens import Tokens

FILES = 8


def main() -> None:
    """Codes the same files on both."""
    (system,) = parse_systems([sys.argv[1]], [])
    fetch_weights(system.source)  # type: ignore[arg-type]
    row, items = Row(system), resolve_items(load_dataset("demo", limit=FILES), []).items
    made = {}
    other_device = sys.argv[2] if len(sys.argv) > 2 else "cuda"
    for side, device in (("cpu", "cpu"), ("gpu", other_device)):
        folder = Path(tempfile.mkdtemp())
        coding = Dispatcher(folder, LocalCoders(folder, device, 0.0))
        made[side] = [(coding.audio(row, item), coding.reconstructor.codes(row, item)[0]) for item in items]
        coding.close()
    tokens = other = 0
    furthest = 0.0
    for (here, one), (there, two) in zip(made["cpu"], made["gpu"], strict=True):
        assert isinstance(one, Tokens)
        assert isinstance(two, Tokens)
        for first, second in zip(one.streams, two.streams, strict=True):
            tokens, other = tokens + first.codes.size, other + int((first.codes != second.codes).sum())
        furthest = max(furthest, float(np.abs(here.samples - there.samples).max()))
    publish(
        "a GPU beside a CPU",
        [Limit("tokens that differ between GPU and CPU", 100 * other / tokens, 0.5, "%")],
        device=torch.cuda.get_device_name(0) if other_device != "cpu" else "cpu", tokens=tokens,
        furthest_samples=furthest,
    )  # fmt: skip


if __name__ == "__main__":
    main()
