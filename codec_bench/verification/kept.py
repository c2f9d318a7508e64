"""What was found on this machine: one file per target, weights and answers, `home()/verified/<key>.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any

from codec_bench.errors import UnavailableError
from codec_bench.files import read_json, write_atomically
from codec_bench.hub import home
from codec_bench.verification.outcomes import BAD, Outcome, Result
from codec_bench.verification.targets import Target, target_of

AGAIN = timedelta(days=1)
"""After how long an input is asked for again that could not be had."""


class State(str, Enum):
    """What is known of a target on this machine."""

    VERIFIED = "verified"
    FAILED = "failed"
    NOT_YET = "not yet"
    NO_ANSWER = "no answer known"


@dataclass(frozen=True)
class Record:
    """What came of verifying a target.

    Attributes:
        results: Of its checks.
        when: UTC, ISO 8601.
        device: Where it ran.
    """

    results: tuple[Result, ...]
    when: str
    device: str

    @property
    def state(self) -> State:
        """Failed where one check failed or could not be made, verified where one passed and none failed."""
        outcomes = {result.outcome for result in self.results}
        if outcomes.intersection(BAD):
            return State.FAILED
        return State.VERIFIED if Outcome.PASSED in outcomes else State.NOT_YET

    @property
    def is_final(self) -> bool:
        """Whether it need not be tried again by itself: something was compared, or nothing could be until just now."""
        if self.state is not State.NOT_YET:
            return True
        return datetime.now(timezone.utc) - datetime.fromisoformat(self.when) < AGAIN

    @property
    def text(self) -> str:
        """In a few words, e.g. for a footnote."""
        passed = [result for result in self.results if result.outcome is Outcome.PASSED]
        if self.state is State.VERIFIED:
            rest = [result for result in self.results if result.outcome is not Outcome.PASSED]
            aside = f" ({len(rest)} more could not be compared)" if rest else ""
            return f"verified against {len(passed)} known answer{'s' if len(passed) > 1 else ''}{aside}"
        first = next((result for result in self.results if result.outcome in BAD), self.results[0])
        how = "FAILED a known answer" if self.state is State.FAILED else "not verified yet"
        return f"{how}: {first.what}: {first.found}"

    def describe(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "state": self.state.value,
            "when": self.when,
            "device": self.device,
            "checks": [result.describe() for result in self.results],
        }


def record_of(target: Target) -> Record | None:
    """What is kept of a target with the weights that are here; None if it was not verified yet.

    Raises:
        UnavailableError: A file of it is missing, or another one.
    """
    path = _file(target)
    try:
        plain = read_json(path)
        results = tuple(Result.of(check) for check in plain["checks"])
        if not results or datetime.fromisoformat(plain["when"]).tzinfo is None:
            return None
        return Record(results, plain["when"], plain["device"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none yet, or damaged: it is verified again


def keep(target: Target, results: tuple[Result, ...], device: str) -> Record:
    """Keeps what came of verifying a target, unless it could not be run: the next attempt may succeed.

    Raises:
        UsageError: The home cannot be written.
        DiskFullError: No room left.
    """
    made = Record(results, datetime.now(timezone.utc).isoformat(timespec="seconds"), device)
    if any(result.outcome is Outcome.CANNOT_RUN for result in results):
        return made
    text = json.dumps({"target": target.name, **made.describe()}, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(_file(target), f"{text}\n".encode())
    return made


def state_of(target: Target) -> tuple[State, str]:
    """What is known of a target here, and in a few words more; nothing is computed but digests of files."""
    if not target.checks:
        why = target.differs or _second_best(target)
        return State.NO_ANSWER, f"no answer known{why and ': '}{why}"
    if target.plugin.unavailable() is not None:
        return State.NOT_YET, "not verified yet: it is not here"
    try:
        record = record_of(target)
    except UnavailableError as error:
        return State.NOT_YET, f"not verified yet: {error}"
    if record is None:
        return State.NOT_YET, "not verified yet"
    return record.state, record.text


def state_of_name(name: str) -> State:
    """What is known here of all that a name stands for: the worst of it."""
    found = {state_of(target)[0] for target in target_of(name)}
    return next(state for state in (State.FAILED, State.VERIFIED, State.NOT_YET, State.NO_ANSWER) if state in found)


def describe(target: Target) -> dict[str, str]:
    """What is known of a target here, as a run keeps it."""
    state, text = state_of(target)
    return {"state": state.value, "text": text}


def _second_best(target: Target) -> str:
    return "" if target.answers is None else target.answers.second_best


def _file(target: Target) -> Path:
    return home() / "verified" / f"{target.key}.json"
