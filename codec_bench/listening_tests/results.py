"""What webMUSHRA's `service/write.php` leaves in `results/<test>`: `mushra.csv`, `paired_comparison.csv`, `lss.csv`.

Each session appends its rows: the id of the test, the answers to the questionnaire (one column each), for MUSHRA a
session number, then the page and what was rated or chosen. The header is written once.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from codec_bench.errors import UsageError
from codec_bench.listening_tests.key import Key, Stimulus, Trial
from codec_bench.listening_tests.rhymes import choice_of
from codec_bench.listening_tests.webmushra import GRADES, LISTENER
from codec_bench.registry import unknown

HIDDEN_REFERENCE = "reference"
"""How webMUSHRA calls the hidden reference among the ratings of a page."""

ANSWERS = ("correct", "incorrect", "undecided")
NO_ANSWER = "unknown"
"""What webMUSHRA writes where a page was left without a choice."""

NO_GRADE = "NA"
"""The same of pages with one file and a scale."""

FILE_NAMES = {"mushra": "mushra.csv", "abx": "paired_comparison.csv", "dcr": "lss.csv", "drt": "lss.csv"}
"""Where webMUSHRA writes the results of each kind of test."""


@dataclass(frozen=True)
class Rating:
    """One slider of one page of one listener, or the one answer of a page.

    Attributes:
        score: 0 to 100; a grade from 1 to 5 (DCR); 100 for the right word and -100 for the wrong one (DRT), so that a
            mean is right minus wrong answers in percent, which guessing makes 0.
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


Answer = TypeVar("Answer", Rating, Choice)


@dataclass(frozen=True)
class _Results:
    """The lines of a file by their numbers; `listener` is the column that tells listeners apart."""

    path: Path
    key: Key
    lines: dict[int, dict[str, str]]
    listener: str

    def error(self, number: int, what: str) -> UsageError:
        return UsageError(f"{self.path}, line {number}: {what}")

    def stranger(self, number: int, what: str) -> UsageError:
        return self.error(number, f"the key knows no {what}; is it the key of another test?")

    def pages(self) -> Iterator[tuple[int, dict[str, str], Trial]]:
        trials = {trial.id: trial for trial in self.key.trials}
        for number, line in self.lines.items():
            if line["trial_id"] not in trials:
                raise self.stranger(number, f"page {line['trial_id']!r}")
            yield number, line, trials[line["trial_id"]]

    def number(self, number: int, column: str) -> float | None:
        text = self.lines[number].get(column, "").strip()
        try:
            return float(text) if text else None
        except ValueError:
            raise self.error(number, f"{text!r} in {column} is not a number") from None

    def seconds(self, number: int, column: str) -> float | None:
        milliseconds = self.number(number, column)
        return None if milliseconds is None else milliseconds / 1000


def read_ratings(path: Path, key: Key, listener: str | None = None) -> tuple[list[Rating], list[str]]:
    """Reads `mushra.csv`; `listener` is the column that tells listeners apart, by default the session.

    Returns:
        The ratings without those of practice pages, and what the user should know.

    Raises:
        UsageError: The file is of another test or kind, or a line cannot be understood.
    """
    results, warnings = _read(path, key, listener, ["trial_id", "rating_stimulus", "rating_score"])
    found: dict[tuple[str, str, str], Rating] = {}
    repeated = 0
    for number, line, trial in results.pages():
        stimuli = {s.name: s for s in trial.stimuli} | {HIDDEN_REFERENCE: trial.reference}
        stimulus = stimuli.get(line["rating_stimulus"])
        if stimulus is None:
            raise results.stranger(number, f"stimulus {line['rating_stimulus']!r} on page {trial.id}")
        score = results.number(number, "rating_score")
        if score is None or not 0 <= score <= 100:
            raise results.error(number, f"{line['rating_score']!r} is not a rating from 0 to 100")
        place = (line[results.listener], trial.id, stimulus.name)
        repeated += place in found
        found[place] = Rating(place[0], trial, stimulus, score, results.seconds(number, "rating_time"))
    if repeated:
        warnings.append(f"{repeated} ratings were sent again by the same listener; the last one of each counts")
    # Pages that lack sliders: the file was truncated or edited.
    counts = Counter((rating.listener, rating.trial.id) for rating in found.values())
    expected = {trial.id: 1 + len(trial.stimuli) for trial in key.trials}
    if short := sum(count < expected[trial] for (_, trial), count in counts.items()):
        warnings.append(f"{short} pages lack the rating of a version; those that are there count")
    ratings = [rating for rating in found.values() if not rating.trial.training]
    if not ratings:
        raise UsageError(f"{path} has no rating that counts")
    return ratings, warnings


def read_choices(path: Path, key: Key, listener: str | None = None) -> tuple[list[Choice], list[str]]:
    """Reads `paired_comparison.csv`; as `read_ratings`.

    webMUSHRA writes no session into it: the answer to "Listener" tells them apart.
    """
    results, warnings = _read(path, key, listener, ["trial_id", "choice_non_reference", "choice_answer"])
    found: dict[tuple[str, str], Choice] = {}
    repeated = left = 0
    for number, line, trial in results.pages():
        if line["choice_non_reference"] != trial.stimuli[0].name:
            raise results.stranger(number, f"stimulus {line['choice_non_reference']!r} on page {trial.id}")
        answer, place = line["choice_answer"], (line[results.listener], trial.id)
        if answer == NO_ANSWER:
            left += 1
            continue
        if answer not in ANSWERS:
            raise results.error(number, f"{answer!r} is not an answer ({', '.join(ANSWERS)})")
        repeated += place in found
        found[place] = Choice(place[0], trial, answer, results.seconds(number, "choice_time"))
    return _answered(path, found.values(), repeated, left, warnings)


def read_answers(path: Path, key: Key, listener: str | None = None) -> tuple[list[Rating], list[str]]:
    """Reads `lss.csv`, the answers of a test with one file a page; as `read_ratings`.

    webMUSHRA writes no session into it: the answer to "Listener" tells them apart.
    """
    results, warnings = _read(path, key, listener, ["trial_id", "stimuli", "stimuli_rating"])
    found: dict[tuple[str, str], Rating] = {}
    repeated = left = 0
    for number, line, trial in results.pages():
        stimulus = trial.stimuli[0]
        if line["stimuli"] != stimulus.name:
            raise results.stranger(number, f"stimulus {line['stimuli']!r} on page {trial.id}")
        place = (line[results.listener], trial.id)
        if line["stimuli_rating"] == NO_GRADE:
            left += 1
            continue
        answer = results.number(number, "stimuli_rating")
        if key.kind == "dcr":
            if answer not in GRADES:
                raise results.error(number, f"{line['stimuli_rating']!r} is not a grade from 1 to 5")
            score = float(answer)
        else:
            choice = choice_of(key, trial)
            if answer not in (1, 2):
                raise results.error(number, f"{line['stimuli_rating']!r} is neither the first word nor the second")
            score = 100.0 if choice.shown[int(answer) - 1] == choice.said else -100.0
        repeated += place in found
        found[place] = Rating(place[0], trial, stimulus, score, results.seconds(number, "rating_time"))
    return _answered(path, found.values(), repeated, left, warnings)


def _answered(
    path: Path, found: Iterable[Answer], repeated: int, left: int, warnings: list[str]
) -> tuple[list[Answer], list[str]]:
    """The answers of a test with one question a page that count, and warnings, with those of pages among them.

    Raises:
        UsageError: None counts.
    """
    if repeated:
        warnings.append(
            f"{repeated} answers have the same listener and page as an earlier one; the last one of each counts. Did "
            "two people enter the same name?"
        )
    if left:
        warnings.append(f"{left} pages were left without an answer")
    counted = [answer for answer in found if not answer.trial.training]
    if not counted:
        raise UsageError(f"{path} has no answer that counts")
    return counted, warnings


def _read(path: Path, key: Key, listener: str | None, needed: Sequence[str]) -> tuple[_Results, list[str]]:
    """A file of results, and warnings."""
    lines: dict[int, dict[str, str]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            for row in reader:
                if len(row) == len(header):
                    lines[reader.line_num] = dict(zip(header, row, strict=True))
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
        wanted = f"webMUSHRA's {FILE_NAMES[key.kind]} of {key.test_id}"
        raise UsageError(f"{path} has no column {missing[0]!r}: give {wanted}")
    others = sorted({line["session_test_id"] for line in lines.values()} - {key.test_id})
    if others:
        raise UsageError(f"{path} has results of the test {others[0]!r}, the key is that of {key.test_id!r}")
    if not lines:
        raise UsageError(f"{path} has no results yet")
    column = listener or ("session_uuid" if "session_uuid" in header else LISTENER)
    if column not in header:
        raise UsageError(f"{unknown('column', column, header)} (--listener names the one that tells listeners apart)")
    if empty := [number for number, line in lines.items() if not line[column]]:
        raise UsageError(f"{path}, line {empty[0]}: no listener in the column {column!r}")
    # People who took the test twice would count as two.
    sessions: dict[str, set[str]] = defaultdict(set)
    for line in lines.values() if column != LISTENER and LISTENER in header else ():
        sessions[line[LISTENER].strip().lower()].add(line[column])
    twice = sum(len(found) > 1 for name, found in sessions.items() if name)
    warning = (
        f"{twice} listeners' names belong to several sessions, which count as several listeners; with "
        f"--listener {LISTENER} they count as one"
    )
    return _Results(path, key, lines, column), [warning] if twice else []
