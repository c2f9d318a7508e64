"""What webMUSHRA's `service/write.php` leaves in `results/<test>`: `mushra.csv` and `paired_comparison.csv`.

Each session appends its rows: the id of the test, the answers to the questionnaire (one column each), for MUSHRA a
session number, then the page and what was rated or chosen. The header is written once.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codec_bench.errors import UsageError
from codec_bench.listening_tests.key import Key, Stimulus, Trial
from codec_bench.listening_tests.webmushra import LISTENER
from codec_bench.registry import unknown

HIDDEN_REFERENCE = "reference"
"""How webMUSHRA calls the hidden reference among the ratings of a page."""

ANSWERS = ("correct", "incorrect", "undecided")
NO_ANSWER = "unknown"
"""What webMUSHRA writes where a page was left without a choice."""


@dataclass(frozen=True)
class Rating:
    """One slider of one page of one listener.

    Attributes:
        listener: As the results name them.
        trial: The page.
        stimulus: What was rated.
        score: 0 to 100.
        seconds: Time on the page, for all of its sliders; None if the results do not say.
    """

    listener: str
    trial: Trial
    stimulus: Stimulus
    score: float
    seconds: float | None


@dataclass(frozen=True)
class Choice:
    """One answer on one page of one listener: `correct`, `incorrect` or `undecided`."""

    listener: str
    trial: Trial
    answer: str
    seconds: float | None


@dataclass(frozen=True)
class _ResultLine:
    number: int
    values: dict[str, str]


def read_ratings(path: Path, key: Key, listener: str | None = None) -> tuple[list[Rating], list[str]]:
    """Reads `mushra.csv`.

    Args:
        path: The file.
        key: Key of the test.
        listener: Column that tells listeners apart; the session by default.

    Returns:
        The ratings without those of practice pages, and what the user should know.

    Raises:
        UsageError: The file is of another test or kind, or a line cannot be understood.
    """
    lines, column, warnings = _read(path, key, listener, ["trial_id", "rating_stimulus", "rating_score"])
    trials = {trial.id: trial for trial in key.trials}
    found: dict[tuple[str, str, str], Rating] = {}
    repeated = 0
    for line in lines:
        trial = _trial(path, line, trials)
        stimuli = {s.name: s for s in trial.stimuli} | {HIDDEN_REFERENCE: trial.reference}
        stimulus = stimuli.get(line.values["rating_stimulus"])
        if stimulus is None:
            raise UsageError(
                f"{path}, line {line.number}: the key knows no stimulus {line.values['rating_stimulus']!r} on page "
                f"{trial.id}; is it the key of another test?"
            )
        score = _number(path, line, "rating_score")
        if score is None or not 0 <= score <= 100:
            raise UsageError(
                f"{path}, line {line.number}: {line.values['rating_score']!r} is not a rating from 0 to 100"
            )
        name = line.values[column]
        repeated += (name, trial.id, stimulus.name) in found
        seconds = _number(path, line, "rating_time")
        rating = Rating(name, trial, stimulus, score, None if seconds is None else seconds / 1000)
        found[name, trial.id, stimulus.name] = rating
    if repeated:
        warnings.append(f"{repeated} ratings were sent again by the same listener; the last one of each counts")
    warnings += _incomplete(list(found.values()))
    ratings = [rating for rating in found.values() if not rating.trial.training]
    if not ratings:
        raise UsageError(f"{path} has no rating that counts")
    return ratings, warnings


def _incomplete(ratings: Sequence[Rating]) -> list[str]:
    """Pages that lack sliders: the file was truncated or edited."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    expected = {}
    for rating in ratings:
        counts[rating.listener, rating.trial.id] += 1
        expected[rating.trial.id] = 1 + len(rating.trial.stimuli)
    short = sum(count < expected[trial] for (_, trial), count in counts.items())
    return [f"{short} pages lack the rating of a version; those that are there count"] if short else []


def read_choices(path: Path, key: Key, listener: str | None = None) -> tuple[list[Choice], list[str]]:
    """Reads `paired_comparison.csv`; as `read_ratings`.

    webMUSHRA writes no session into it: the answer to "Listener" tells them apart.
    """
    lines, column, warnings = _read(path, key, listener, ["trial_id", "choice_non_reference", "choice_answer"])
    trials = {trial.id: trial for trial in key.trials}
    found: dict[tuple[str, str], Choice] = {}
    repeated = left = 0
    for line in lines:
        trial = _trial(path, line, trials)
        if line.values["choice_non_reference"] != trial.stimuli[0].name:
            raise UsageError(
                f"{path}, line {line.number}: the key knows no stimulus {line.values['choice_non_reference']!r} on "
                f"page {trial.id}; is it the key of another test?"
            )
        answer, name = line.values["choice_answer"], line.values[column]
        if answer == NO_ANSWER:
            left += 1
            continue
        if answer not in ANSWERS:
            raise UsageError(f"{path}, line {line.number}: {answer!r} is not an answer ({', '.join(ANSWERS)})")
        repeated += (name, trial.id) in found
        seconds = _number(path, line, "choice_time")
        found[name, trial.id] = Choice(name, trial, answer, None if seconds is None else seconds / 1000)
    if repeated:
        warnings.append(
            f"{repeated} answers have the same listener and page as an earlier one; the last one of each counts. Did "
            "two people enter the same name?"
        )
    if left:
        warnings.append(f"{left} pages were left without an answer")
    choices = [choice for choice in found.values() if not choice.trial.training]
    if not choices:
        raise UsageError(f"{path} has no answer that counts")
    return choices, warnings


def _read(
    path: Path, key: Key, listener: str | None, needed: Sequence[str]
) -> tuple[list[_ResultLine], str, list[str]]:
    """Lines of a file of results, the column that names listeners, and warnings."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            lines = []
            for row in reader:
                if len(row) == len(header):
                    lines.append(_ResultLine(reader.line_num, dict(zip(header, row, strict=True))))
                elif row:
                    raise UsageError(
                        f"{path}, line {reader.line_num}: {len(row)} values under {len(header)} headings; was the "
                        "questionnaire changed, or were results sent twice? Correct the line or take it out"
                    )
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is not a CSV file in UTF-8: {error}") from error
    missing = [name for name in ["session_test_id", *needed] if name not in header]
    if missing:
        file_name = "mushra.csv" if key.kind == "mushra" else "paired_comparison.csv"
        raise UsageError(f"{path} has no column {missing[0]!r}: give webMUSHRA's {file_name} of {key.test_id}")
    others = sorted({line.values["session_test_id"] for line in lines} - {key.test_id})
    if others:
        raise UsageError(f"{path} has results of the test {others[0]!r}, the key is that of {key.test_id!r}")
    if not lines:
        raise UsageError(f"{path} has no results yet")
    column = listener or ("session_uuid" if "session_uuid" in header else LISTENER)
    if column not in header:
        raise UsageError(f"{unknown('column', column, header)} (--listener names the one that tells listeners apart)")
    if empty := [line.number for line in lines if not line.values[column]]:
        raise UsageError(f"{path}, line {empty[0]}: no listener in the column {column!r}")
    return lines, column, _same_name(lines, column)


def _same_name(lines: Sequence[_ResultLine], column: str) -> list[str]:
    """People who took the test twice would count as two."""
    if column == LISTENER or LISTENER not in lines[0].values:
        return []
    sessions: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        sessions[line.values[LISTENER].strip().lower()].add(line.values[column])
    twice = sum(len(found) > 1 for name, found in sessions.items() if name)
    return [
        f"{twice} listeners' names belong to several sessions, which count as several listeners; with "
        f"--listener {LISTENER} they count as one"
    ] if twice else []  # fmt: skip


def _trial(path: Path, line: _ResultLine, trials: dict[str, Trial]) -> Trial:
    trial = trials.get(line.values["trial_id"])
    if trial is None:
        raise UsageError(
            f"{path}, line {line.number}: the key knows no page {line.values['trial_id']!r}; is it the key of another "
            "test?"
        )
    return trial


def _number(path: Path, line: _ResultLine, column: str) -> float | None:
    text = line.values.get(column, "").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{path}, line {line.number}: {text!r} in {column} is not a number") from None
