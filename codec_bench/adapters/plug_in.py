"""Whose code a codec is, where it does not ship with codec-bench."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codec_bench.identity import Source, invocation


@dataclass
class PlugIn:
    """Whose code a codec is, where it does not ship with codec-bench.

    Attributes:
        source: Its code.
        state: Digest of what it held when it was loaded; see `identity.State`. Empty until it was.
        tensors: Digest of the tensors and arrays among that.
        parameters: How many parameters it held then, in PyTorch modules.
        invocation: Which run alone may find what it produces; empty for any.
    """

    source: Source
    state: str = ""
    tensors: str = ""
    parameters: int = 0
    invocation: str = field(default_factory=invocation)
    _planned: dict[str, Any] | None = None

    def describe(self) -> dict[str, Any]:
        """What tells it from another of its name, and from what it was before."""
        return self.source.describe() | {"state": self.state} if self._planned is None else self._planned

    def to_job(self) -> dict[str, Any]:
        """What a process that codes must know of it."""
        return {
            "described": self.describe(),
            "tensors": self.tensors,
            "invocation": self.invocation,
        }

    def take(self, job: Mapping[str, Any]) -> None:
        """Takes what `to_job` gave in the process that planned."""
        self._planned, self.tensors, self.invocation = job["described"], job["tensors"], job["invocation"]
