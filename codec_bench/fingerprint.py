"""Content addresses: a hash of everything that went into a result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np


@cache
def package_version(package: str) -> str:
    """Installed version of a distribution, or `absent`."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """Installed versions by distribution name, sorted."""
    return {name: package_version(name) for name in sorted(packages)}


def address(**parts: Any) -> str:
    """SHA-256 over the canonical JSON of `parts`, in hexadecimal digits.

    >>> address(a=1, b=[2]) == address(b=[2], a=1)
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"dtype": value.dtype.str, "shape": value.shape, "sha256": content}
    fingerprint = getattr(value, "fingerprint", None)
    if isinstance(fingerprint, str):
        return fingerprint
    raise TypeError(f"{value!r} has no content address")
