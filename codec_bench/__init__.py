"""codec-bench: reproducible evaluation of neural speech codecs.

>>> import codec_bench
>>> [name for name in dir(codec_bench) if name[0].isupper()]
['Audio', 'Codec', 'CodecSpec', 'Comparison', 'Dataset', 'Evaluation', 'Run']
>>> [name for name in dir(codec_bench) if name[0].islower()][:8]
['compare', 'evaluate', 'list_codecs', 'list_datasets', 'list_metrics', 'load_codec', 'load_dataset', 'load_run']
>>> [name for name in dir(codec_bench) if name[0].islower()][8:16]
['log', 'metric', 'probe', 'read_audio', 'report', 'run', 'run_suite', 'score']
>>> [name for name in dir(codec_bench) if name[0].islower()][16:]
['speed', 'tokens', 'torchmetrics', 'verify']
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from codec_bench.version import __version__

if TYPE_CHECKING:
    from codec_bench import torchmetrics
    from codec_bench.adapters.codec import Codec
    from codec_bench.adapters.spec import CodecSpec
    from codec_bench.adapters.systems import load_codec
    from codec_bench.api import (
        Comparison,
        Run,
        compare,
        load_run,
        probe,
        report,
        run,
        run_suite,
        score,
        speed,
        tokens,
        verify,
    )
    from codec_bench.audio import Audio, read_audio
    from codec_bench.catalogue import list_codecs, list_datasets, list_metrics
    from codec_bench.datasets.dataset import Dataset
    from codec_bench.datasets.loading import load_dataset
    from codec_bench.evaluation import Evaluation, evaluate
    from codec_bench.metrics import metric
    from codec_bench.tracking import log

__all__ = [
    "Audio",
    "Codec",
    "CodecSpec",
    "Comparison",
    "Dataset",
    "Evaluation",
    "Run",
    "__version__",
    "compare",
    "evaluate",
    "list_codecs",
    "list_datasets",
    "list_metrics",
    "load_codec",
    "load_dataset",
    "load_run",
    "log",
    "metric",
    "probe",
    "read_audio",
    "report",
    "run",
    "run_suite",
    "score",
    "speed",
    "tokens",
    "torchmetrics",
    "verify",
]

_HOMES = {
    "Audio": "codec_bench.audio",
    "Codec": "codec_bench.adapters.codec",
    "CodecSpec": "codec_bench.adapters.spec",
    "Comparison": "codec_bench.comparison.compare",
    "Dataset": "codec_bench.datasets.dataset",
    "Evaluation": "codec_bench.evaluation",
    "Run": "codec_bench.runs.directory",
    "compare": "codec_bench.api",
    "evaluate": "codec_bench.evaluation",
    "list_codecs": "codec_bench.catalogue",
    "list_datasets": "codec_bench.catalogue",
    "list_metrics": "codec_bench.catalogue",
    "load_codec": "codec_bench.adapters.systems",
    "load_dataset": "codec_bench.datasets.loading",
    "load_run": "codec_bench.runs.directory",
    "log": "codec_bench.tracking",
    "metric": "codec_bench.metrics",
    "probe": "codec_bench.api",
    "read_audio": "codec_bench.audio",
    "report": "codec_bench.api",
    "run": "codec_bench.api",
    "run_suite": "codec_bench.api",
    "score": "codec_bench.api",
    "speed": "codec_bench.api",
    "tokens": "codec_bench.api",
    "verify": "codec_bench.api",
    "torchmetrics": "codec_bench",
}
"""Where the public names are; the pages of the reference are made of it."""

_MODULES = ("speed", "tokens")
"""Functions of the interface that are called like a part of the package, which has to be importable as well."""


def __getattr__(name: str) -> Any:
    """Imports on first use, so that `import codec_bench` costs nothing."""
    if name in (*_MODULES, "torchmetrics"):
        importlib.import_module(f"codec_bench.{name}")
        return getattr(sys.modules[__name__], name)
    if name not in _HOMES:
        if name.startswith("_"):
            raise AttributeError(f"module 'codec_bench' has no attribute {name!r}")
        from codec_bench.registry import unknown

        raise AttributeError(f"module 'codec_bench': {unknown('name', name, __all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public interface; what was imported of the package itself is no part of it."""
    return sorted({*__all__, "__doc__", "__file__", "__name__", "__path__"})


class _Callable(ModuleType):
    """A part of the package that can be called like the function of the interface that has its name."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._function(*arguments, **options)

    @property
    def _function(self) -> Any:
        return getattr(importlib.import_module("codec_bench.api"), self.__name__.rpartition(".")[2])

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(self._function)


class _Package(ModuleType):
    """This package, whose parts of `_MODULES` can be called, whoever imported them first."""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in _MODULES and type(found) is ModuleType:
            found.__class__ = _Callable
        return found


sys.modules[__name__].__class__ = _Package
