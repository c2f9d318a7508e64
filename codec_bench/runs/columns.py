"""Columns of `summary.csv` that are not registered metrics: each kind of measurement says what its own are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from codec_bench.fingerprint import address

Better = Literal["higher", "lower", ""]
"""Which direction is better; empty if neither is, so that nothing is marked as best."""


@dataclass(frozen=True)
class ColumnSpec:
    """What a column is. A kind that needs to know more of its columns extends this.

    Attributes:
        label: Unique in the run; `accuracy[sid]`: the name, and a variant in brackets.
        title: Heading for people, without the variant.
        family: Title of the block of columns that are shown together.
        better: Which direction is better.
        unit: Behind the title.
        digits: Decimals in tables.
        note: One line for footnotes: definition and source.
        version: Raised whenever values change.
        content: What else decides the values, for the fingerprint.
    """

    label: str
    title: str
    family: str
    better: Better = ""
    unit: str = ""
    digits: int = 3
    note: str = ""
    version: int = field(default=1, kw_only=True)
    content: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    @property
    def name(self) -> str:
        """The label without its variant."""
        return self.label.partition("[")[0]

    def describe(self) -> dict[str, Any]:
        """The column as `plan.metrics` of `run.json` keeps it."""
        kept = ("label", "name", "title", "unit", "better", "digits", "family", "note", "version")
        fingerprint = address(column=self.label, version=self.version, **self.content)
        return {name: getattr(self, name) for name in kept} | {"fingerprint": fingerprint}
