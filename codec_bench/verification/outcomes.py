"""What came of a check, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Outcome(str, Enum):
    """What a check says."""

    PASSED = "pass"
    FAILED = "fail"
    CANNOT_RUN = "cannot run"
    """It raised, crashed or hung: a failure, but one that is not kept, as the next attempt may succeed."""
    DIFFERS = "differs"
    """The answer may be of other weights or of another setting, so this is no failure."""
    NOT_HAD = "input missing"
    """Its input could not be had, or is another one: nothing was compared."""
    NOT_RUN = "not run"
    """A row of a table, which is measured on request."""
    NO_ANSWER = "no published answer"


BAD = (Outcome.FAILED, Outcome.CANNOT_RUN)
"""What ends a command."""


@dataclass(frozen=True)
class Result:
    """One check: what was compared, what was expected and found, and how far that may be apart.

    Attributes:
        target: `codec:lyra`, `metric:nisqa`.
        outcome: What it says.
        what: What was compared, of which input.
        expected: The known answer.
        found: What is given here; or why nothing was compared.
        tolerance: How far that may be from it.
        source: Where the answer is published.
        reveals: What a difference would mean.
    """

    target: str
    outcome: Outcome
    what: str
    expected: str = ""
    found: str = ""
    tolerance: str = ""
    source: str = ""
    reveals: str = ""

    @property
    def line(self) -> str:
        """All of it in one line."""
        parts = [f"{self.outcome.value}  {self.target}: {self.what}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.found:
            compared = self.outcome in (Outcome.PASSED, *BAD, Outcome.DIFFERS)
            parts.append(f"found {self.found}" if compared and self.expected else self.found)
        if self.tolerance:
            parts.append(f"tolerance {self.tolerance}")
        text = "; ".join(parts)
        if self.outcome in (*BAD, Outcome.DIFFERS) and self.reveals:
            text += f"; this may mean: {self.reveals}"
        return f"{text} [{self.source}]" if self.source else text

    def describe(self) -> dict[str, str]:
        """As JSON has it."""
        return asdict(self) | {"outcome": self.outcome.value}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Result:
        """From what `describe` gave.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        return cls(**{**plain, "outcome": Outcome(plain["outcome"])})
