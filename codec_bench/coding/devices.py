"""Where codecs run: what `auto` means, and whether a GPU that is asked for is there."""

from __future__ import annotations

from codec_bench.adapters.codec import Codec
from codec_bench.errors import UsageError


def check_device(device: str) -> None:
    """Raises where a GPU is asked for that is not there.

    Raises:
        UsageError: There is no such GPU.
    """
    if not device.startswith("cuda"):
        return
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2] or 0) >= count:
        raise UsageError(f"there is no device {device!r}: torch sees {count} CUDA devices; --device cpu runs anywhere")


def chosen_device(wanted: str, codec: Codec) -> str:
    """The device for a codec: the one that was asked for, or for `auto` the first GPU if the codec uses torch."""
    if wanted != "auto":
        return wanted
    if "torch" not in codec.packages:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
