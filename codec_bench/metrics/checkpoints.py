"""Files of weights: what is in them is read and never run, and one that is not what it should be says what to do."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile, locate


@contextmanager
def weights_of(network: str, file: RemoteFile) -> Iterator[Path]:
    """The file of a network's weights, around all that reads it and tries it out.

    Raises:
        UnavailableError: The file is missing, or could not be read as one of this network.
    """
    path = locate(file)
    try:
        yield path
    except (
        OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, pickle.UnpicklingError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnavailableError(
            f"{path} holds no weights of {network}: {reason}; delete it and fetch it again"
        ) from error


def read_checkpoint(path: Path, device: Any = "cpu") -> dict[str, Any]:
    """What torch saved as a dictionary, mostly tensors by name.

    Raises:
        TypeError: It is something else; what `torch.load` raises goes through.
    """
    import torch

    loaded = torch.load(path, map_location=device, weights_only=True)
    if not isinstance(loaded, dict):
        raise TypeError(f"it holds a {type(loaded).__name__}")
    return loaded
