"""codec-bench: reproducible evaluation of neural speech codecs.

>>> import codec_bench
>>> sorted(codec_bench.__all__)[:6]
['Audio', 'Run', '__version__', 'load_codec', 'load_dataset', 'load_run']
>>> sorted(codec_bench.__all__)[6:]
['log', 'metric', 'read_audio', 'run', 'run_suite', 'verify']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from codec_bench.version import __version__

if TYPE_CHECKING:
    from codec_bench.adapters.systems import load_codec
    from codec_bench.api import Run, load_run, run, run_suite, verify
    from codec_bench.audio import Audio, read_audio
    from codec_bench.datasets.loading import load_dataset
    from codec_bench.metrics import metric
    from codec_bench.tracking import log

_HOMES = {
    "Audio": "codec_bench.audio",
    "read_audio": "codec_bench.audio",
    "load_codec": "codec_bench.adapters.systems",
    "load_dataset": "codec_bench.datasets.loading",
    "log": "codec_bench.tracking",
    "metric": "codec_bench.metrics",
    "Run": "codec_bench.api",
    "load_run": "codec_bench.api",
    "run": "codec_bench.api",
    "run_suite": "codec_bench.api",
    "verify": "codec_bench.api",
}

__all__ = [
    "Audio",
    "Run",
    "__version__",
    "load_codec",
    "load_dataset",
    "load_run",
    "log",
    "metric",
    "read_audio",
    "run",
    "run_suite",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Imports on first use, so that `import codec_bench` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'codec_bench' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
