"""Data sets. The table says where each lives; nothing is imported until it is asked for."""

from __future__ import annotations

from codec_bench.datasets.dataset import Dataset
from codec_bench.registry import Registry

DATASETS: Registry[type[Dataset]] = Registry(
    "dataset",
    {
        "demo": "codec_bench.datasets.demo_set:Demo",
        "libritts-test-b": "codec_bench.datasets.libritts:LibriTtsTestB",
    },
    group="codec_bench.datasets",
)

__all__ = ["DATASETS", "Dataset"]
