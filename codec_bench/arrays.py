"""Arrays of whatever people hold numbers in: NumPy, lists, tensors of any device and precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def plain_array(value: Any, what: str) -> NDArray[Any]:
    """An array from a NumPy array, a list of numbers, or a tensor of any device, with or without gradients.

    Args:
        value: Any of these.
        what: What it is, for messages.

    Raises:
        ValueError: It is something else.

    >>> plain_array([1.0, 2.0], "the signal").tolist()
    [1.0, 2.0]
    """
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu()
        value = value.float().numpy() if str(value.dtype) == "torch.bfloat16" else value.numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{what} is not an array: {error}") from error
    if array.dtype.kind not in "iufcb":
        found = "an array of Python objects" if isinstance(value, np.ndarray) else described(value)
        raise ValueError(f"{what} is {found}, not an array of numbers")
    return array


def described(value: Any) -> str:
    """What kind of thing something is, for messages.

    >>> described(None), described({}), described([])
    ('None', 'a dict', 'a list')
    """
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"
