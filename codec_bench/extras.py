"""Optional packages: whether they can be imported, without importing them, what installs them, their noise."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
"""Where torchaudio is offered for a torch without CUDA; PyPI offers it for CUDA alone."""

CUDA_LIBRARY = "libc10_cuda.so"

WITH_TORCHAUDIO = ("vocos", "speechtokenizer", "s3tokenizer", "speechbrain")
"""The extras whose packages ask for torchaudio, of whose libraries nothing here needs any."""


def pretrained(kind: Any, folder: Path, **options: Any) -> tuple[Any, list[str]]:
    """A model of transformers from the files in a folder alone, in single precision; what it raises goes through.

    Args:
        kind: Class of the model.
        folder: Where its configuration and its weights are.
        options: More of `from_pretrained`.

    Returns:
        The model, and the names of the tensors that it has and the file of weights has not, sorted.
    """
    import torch

    with silent_transformers():
        model, report = kind.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, output_loading_info=True, **options
        )
    return model, sorted(report["missing_keys"])


def cannot_import(modules: tuple[str, ...], extra: str) -> str | None:
    """Why a top-level module cannot be imported, with the command that helps; None if all can. Imports none of them."""
    absent = [name for name in modules if find_spec(name) is None]
    if absent:
        index = f" --extra-index-url {CPU_WHEELS}" if extra in WITH_TORCHAUDIO and not _has_cuda() else ""
        are = "is" if len(absent) == 1 else "are"
        return f"{', '.join(absent)} {are} not installed: pip install 'codec-bench[{extra}]'{index}"
    return _torchaudio_problem() if "torchaudio" in modules else None


def _torchaudio_problem() -> str | None:
    """Why torchaudio cannot be imported: its libraries need those of CUDA, which this torch lacks."""
    if _has_cuda() or not any(CUDA_LIBRARY.encode() in file.read_bytes() for file in _libraries("torchaudio")):
        return None
    return (
        f"torchaudio is built for CUDA and torch is not ({CUDA_LIBRARY} is missing): "
        f"pip install --force-reinstall --no-deps torchaudio --index-url {CPU_WHEELS}"
    )


def _has_cuda() -> bool:
    return any(file.name == CUDA_LIBRARY for file in _libraries("torch"))


def _libraries(package: str) -> list[Path]:
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    return [file for folder in folders or () for file in sorted(Path(folder, "lib").glob("*.so"))]


def speechbrain_module(name: str) -> ModuleType:
    """A module below `speechbrain`, without the stand-ins for modules that are elsewhere or not installed.

    They raise `ImportError` on attribute access, as by anything that walks over `sys.modules`, e.g. `inspect`.
    """
    module = import_module(f"speechbrain.{name}")
    for key, found in list(sys.modules.items()):
        if type(found).__module__ == "speechbrain.utils.importutils":
            del sys.modules[key]
    return module


@contextmanager
def silent_transformers() -> Iterator[None]:
    """No progress bars and no reports while a model is loaded; what matters in them is checked here."""
    from transformers.utils import logging as reports

    level, bars = reports.get_verbosity(), reports.is_progress_bar_enabled()
    reports.set_verbosity(logging.CRITICAL)
    reports.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        reports.set_verbosity(level)
        if bars:
            reports.enable_progress_bar()  # type: ignore[no-untyped-call]
