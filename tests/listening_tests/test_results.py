"""webMUSHRA's files of results: what is read, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.errors import UsageError
from codec_bench.listening_tests.key import Key, Stimulus, Trial
from codec_bench.listening_tests.results import read_choices, read_ratings

from .conftest import ABX_HEADER, MUSHRA_HEADER, abx_csv, mushra_csv, write_csv


def made_key(kind: str = "mushra") -> Key:
    trials = []
    for number, utterance in enumerate(("practice", "u1", "u2")):
        reference = Stimulus(f"r{number}", "ground-truth", "reference", 0.0, "")
        system = Stimulus(f"s{number}a", "opus@6000", "system", 0.0, "")
        anchor = Stimulus(f"s{number}b", "anchor-3.5k", "anchor", 0.0, "")
        others = (system, anchor) if kind == "mushra" else (system,)
        trials.append(Trial(f"trial{number}", utterance, "ann", 16_000, 3.0, reference, others, number == 0))
    return Key(kind, f"{kind}-1", {}, ("opus@6000",), ("anchor-3.5k",), tuple(trials))  # type: ignore[arg-type]


def score(who: str, utterance: str, system: str) -> float:
    return {"ground-truth": 100, "opus@6000": 60, "anchor-3.5k": 20}[system] - (who == "bob") - (utterance == "u2")


def test_ratings_are_found_whatever_the_order_of_the_pages(tmp_path: Path):
    key = made_key()
    ratings, warnings = read_ratings(mushra_csv(tmp_path / "mushra.csv", key, ["ann", "bob"], score), key)
    assert warnings == []
    assert len(ratings) == 2 * 2 * 3  # those of practice do not count
    for r in ratings:
        assert r.score == score(r.listener.removeprefix("uuid-"), r.trial.utterance, r.stimulus.system)
        assert r.seconds == pytest.approx(4.321)


def row(**changes: str) -> list[object]:
    values = dict(zip(MUSHRA_HEADER, ["mushra-1", "ann", "uuid-1", "trial1", "s1a", "60", "10", ""], strict=True))
    return list((values | changes).values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"session_test_id": "other"}, "has results of the test 'other', the key is that of 'mushra-1'"),
        ({"trial_id": "trial9"}, "line 3: the key knows no page 'trial9'"),
        ({"rating_stimulus": "s2a"}, "line 3: the key knows no stimulus 's2a' on page trial1"),
        ({"rating_score": "101"}, "line 3: '101' is not a rating from 0 to 100"),
        ({"rating_score": ""}, "line 3: '' is not a rating"),
        ({"rating_score": "nan"}, "line 3: 'nan' is not a rating"),
        ({"rating_score": "good"}, "line 3: 'good' in rating_score is not a number"),
        ({"session_uuid": ""}, "line 3: no listener in the column 'session_uuid'"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(tmp_path: Path, changes: dict[str, str], message: str):
    path = write_csv(tmp_path / "mushra.csv", MUSHRA_HEADER, [row(), row(**changes)])
    with pytest.raises(UsageError, match=message):
        read_ratings(path, made_key())


def test_files_that_are_no_results(tmp_path: Path):
    path = tmp_path / "mushra.csv"
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_ratings(path, made_key())
    write_csv(path, MUSHRA_HEADER, [])
    with pytest.raises(UsageError, match="has no results yet"):
        read_ratings(path, made_key())
    write_csv(path, ABX_HEADER, [])
    with pytest.raises(UsageError, match=r"no column 'rating_stimulus': give webMUSHRA's mushra.csv of mushra-1"):
        read_ratings(path, made_key())
    write_csv(path, MUSHRA_HEADER, [row(), [*row(), "more"]])
    with pytest.raises(UsageError, match="line 3: 9 values under 8 headings"):
        read_ratings(path, made_key())
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is not a CSV file in UTF-8"):
        read_ratings(path, made_key())
    write_csv(path, MUSHRA_HEADER, [row()])
    with pytest.raises(UsageError, match="unknown column 'lisener'; did you mean 'listener'"):
        read_ratings(path, made_key(), "lisener")


def test_a_rating_that_was_sent_twice_counts_once(tmp_path: Path):
    path = write_csv(tmp_path / "mushra.csv", MUSHRA_HEADER, [row(), row(rating_score="70")])
    ratings, warnings = read_ratings(path, made_key())
    assert [r.score for r in ratings] == [70]
    assert "1 ratings were sent again" in warnings[0]
    assert "1 pages lack the rating of a version" in warnings[1]


def test_a_name_in_two_sessions_is_told(tmp_path: Path):
    path = write_csv(tmp_path / "mushra.csv", MUSHRA_HEADER, [row(), row(session_uuid="uuid-2", listener="Ann ")])
    ratings, warnings = read_ratings(path, made_key())
    assert len({r.listener for r in ratings}) == 2
    assert "1 listeners' names belong to several sessions" in warnings[0]


def test_choices_are_told_apart_by_the_name_that_listeners_enter(tmp_path: Path):
    key = made_key("abx")
    answers = {"ann": "correct", "bob": "undecided"}
    choices, warnings = read_choices(abx_csv(tmp_path / "p.csv", key, [*answers], lambda who, *_: answers[who]), key)
    assert warnings == []
    found = sorted((c.listener, c.trial.utterance, c.answer) for c in choices)
    assert found == [(who, item, answer) for who, answer in answers.items() for item in ("u1", "u2")]


def test_choices_that_are_none(tmp_path: Path):
    key = made_key("abx")
    path = abx_csv(tmp_path / "p.csv", key, ["ann"], lambda who, u, s: "unknown" if u == "u1" else "incorrect")
    choices, warnings = read_choices(path, key)
    assert [c.trial.utterance for c in choices] == ["u2"]
    assert warnings == ["1 pages were left without an answer"]
    path = abx_csv(tmp_path / "p.csv", key, ["ann"], lambda *_: "maybe")
    with pytest.raises(UsageError, match="line 2: 'maybe' is not an answer"):
        read_choices(path, key)
