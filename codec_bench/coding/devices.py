"""Where codecs and models run: what `auto` means, and whether a requested GPU exists."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.errors import UsageError


def check_device(device: str) -> None:
    """Raises a `UsageError` if a requested GPU does not exist."""
    if not device.startswith("cuda"):
        return
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2] or 0) >= count:
        raise UsageError(f"there is no device {device!r}: torch sees {count} CUDA devices; --device cpu runs anywhere")


def torch_device(wanted: str) -> str:
    """The requested device, or for `auto` the first GPU that torch sees; imports torch only if needed."""
    if wanted != "auto":
        return wanted
    if not _has_driver():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def chosen_device(wanted: str, codec: Codec) -> str:
    """The device for a codec: one that does not use torch runs on the CPU, whatever the others were asked to use."""
    return torch_device(wanted) if "torch" in codec.packages else "cpu"


def networks_of(codec: Codec) -> list[Any]:
    """The PyTorch modules that an object holds itself; imports nothing."""
    torch = sys.modules.get("torch")
    return [] if torch is None else [value for value in vars(codec).values() if isinstance(value, torch.nn.Module)]


def device_of(codec: Codec) -> str:
    """Where a codec that is loaded runs: where its parameters are."""
    parameters = (parameter for network in networks_of(codec) for parameter in network.parameters())
    return next((str(parameter.device) for parameter in parameters), "cpu")


@cache
def _has_driver() -> bool:
    """Whether torch could see a GPU: the driver of NVIDIA's is there, or the device of AMD's."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Path("/dev/kfd").exists()
    return True
