"""Degradation category rating and the rhyme test: one file and one question a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from codec_bench.csv_files import write_frame
from codec_bench.errors import UsageError
from codec_bench.listening_tests.config import DcrTest, DrtTest
from codec_bench.listening_tests.export import Exported, export
from codec_bench.listening_tests.importing import import_results
from codec_bench.listening_tests.key import Key
from codec_bench.listening_tests.rhymes import RhymePairs, choice_of
from codec_bench.runs.directory import Run, load_run

from .conftest import write_csv

pytestmark = pytest.mark.long

LSS_HEADER = ["session_test_id", "listener", "trial_id", "stimuli_rating", "stimuli", "rating_time"]
"""Of webMUSHRA's `service/write.php` at 07130f2."""
SYSTEMS = ["codec2@3200", "opus@16000"]


def pages_of(made: Exported) -> list[dict[str, Any]]:
    pages = yaml.safe_load(made.configuration.read_text())["pages"]
    return [page for group in pages if isinstance(group, list) for page in group[1:]]


def folder_of(made: Exported) -> Path:
    return made.configuration.parent / "resources" / made.key.test_id


@pytest.fixture
def words(run: Run, tmp_path: Path) -> Path:
    """The run is over three words now; a pair file has a word of theirs twice."""
    frame = run.utterances
    frame["text"] = ["Veal.", "got", "bean", *["A sentence."] * (len(frame) - 3)]
    write_frame(run.path / "utterances.csv", frame)
    path = tmp_path / "pairs.tsv"
    pairs = ["veal\tfeel\tvoicing", "jot\tgot\tsibilation", "got\tdot\tcompactness", "bean\tpeen\tvoicing"]
    path.write_text("\n".join(["# voiced first", *pairs]))
    return path


def test_a_pair_is_the_recording_half_a_second_of_silence_and_the_system(run: Run, tmp_path: Path):
    made = export(DcrTest(run=run.path, out=tmp_path / "test", items=2, systems=SYSTEMS))
    assert sorted(t.stimuli[0].system for t in made.key.trials) == sorted(["ground-truth", *SYSTEMS] * 2)
    null = {}
    for trial in made.key.trials:
        samples, rate = soundfile.read(folder_of(made) / f"{trial.stimuli[0].name}.wav")
        pause = rate // 2
        half = (len(samples) - pause) // 2
        assert not samples[half : half + pause].any()
        first, second = samples[:half], samples[half + pause :]
        assert np.array_equal(first, second) == (trial.stimuli[0].system == "ground-truth")
        assert np.abs(null.setdefault(trial.utterance, first) - first).max() <= 1 / 32768
        assert trial.seconds == pytest.approx(len(samples) / rate)
    page = pages_of(made)[0]
    assert (page["type"], page["mustRate"], len(page["stimuli"])) == ("likert_single_stimulus", True, 1)
    assert [line["value"] for line in page["response"]] == ["5", "4", "3", "2", "1"]
    assert len(list(folder_of(made).iterdir())) == 6
    text = made.configuration.read_text()
    assert not any(word in text for word in ("codec2", "opus", "ground-truth"))


def test_grades_become_a_column_and_null_pairs_the_value_of_the_recordings(run: Run, tmp_path: Path):
    key = export(DcrTest(run=run.path, out=tmp_path / "test", items=2, systems=SYSTEMS)).key
    grades = {"ground-truth": 5, "opus@16000": 4, "codec2@3200": 2}
    rows: list[list[object]] = []
    for who, shift in (("ann", 0), ("bob", 1), ("cid", 0)):
        for trial in key.trials:
            (stimulus,) = trial.stimuli
            grade = min(5, grades[stimulus.system] + shift)
            rows.append([key.test_id, who, trial.id, grade, stimulus.name, 800])
    rows.append([key.test_id, "dan", key.trials[0].id, "NA", key.trials[0].stimuli[0].name, 3])
    found = import_results(run, write_csv(tmp_path / "lss.csv", LSS_HEADER, rows), key)
    assert found.warnings == ["1 pages were left without an answer"]
    values = load_run(run.path).summary.query("metric == 'dcr'").set_index("system").value
    assert values[["ground-truth", "opus@16000", "codec2@3200"]].tolist() == pytest.approx([5, 13 / 3, 7 / 3])
    assert np.isnan(values["opus@6000"])
    assert [line["difference"] for line in found.differences] == ["-2.00"]
    rows[0][3] = 6
    with pytest.raises(UsageError, match="line 2: '6' is not a grade from 1 to 5"):
        import_results(run, write_csv(tmp_path / "lss.csv", LSS_HEADER, rows), key)


def test_a_word_is_asked_with_each_of_its_pairs(run: Run, words: Path, tmp_path: Path):
    made = export(DrtTest(run=run.path, out=tmp_path / "test", rhymes=words, systems=SYSTEMS))
    key = Key.load(tmp_path / "test" / "key.json")
    assert len(key.trials) == 4 * 3  # `got` has two pairs; two systems and the recording
    asked = {(t.utterance, *sorted(choice_of(key, t).shown)) for t in key.trials}
    ids = run.utterances["id"].tolist()
    assert asked == {
        (ids[0], "feel", "veal"), (ids[1], "got", "jot"), (ids[1], "dot", "got"), (ids[2], "bean", "peen")
    }  # fmt: skip
    assert len({choice_of(key, t).shown.index(choice_of(key, t).said) for t in key.trials}) == 2  # no place is a hint
    for page, trial in zip(pages_of(made), key.trials, strict=True):
        assert [line["label"] for line in page["response"]] == list(choice_of(key, trial).shown)
        assert [line["value"] for line in page["response"]] == ["1", "2"]
    assert key.trials[0].seconds < 12


def test_answers_are_corrected_for_guessing(run: Run, words: Path, tmp_path: Path):
    """45 of 50 right is 80; by feature, too."""
    key = export(DrtTest(run=run.path, out=tmp_path / "test", rhymes=words, systems=["opus@16000"])).key
    rows: list[list[object]] = []
    own = [trial for trial in key.trials if trial.stimuli[0].system == "opus@16000"]
    for number, trial in enumerate([*own, own[0]] * 10):  # 4 pages and one of them again, as another listener's
        choice = choice_of(key, trial)
        right = 1 + choice.shown.index(choice.said)
        answer = 3 - right if number in (3, 14, 20, 33, 41) else right
        who = f"l{number // 5}{'b' * (number % 5 == 4)}"
        rows.append([key.test_id, who, trial.id, answer, trial.stimuli[0].name, 9])
    found = import_results(run, write_csv(tmp_path / "lss.csv", LSS_HEADER, rows), key)
    (line,) = found.rows
    report = json.loads((run.path / "drt.json").read_text())
    answers = np.array([item["mean"] * item["ratings"] for item in report["items"]])
    assert answers.sum() / 50 == pytest.approx(80)
    assert line["ratings"] == "40"  # both pairs of `got` are one opinion of a listener
    assert set(report["features"]) == {"voicing", "sibilation", "compactness"}
    (value,) = load_run(run.path).summary.query("metric == 'drt' and system == 'opus@16000'").value
    assert f"{value:.1f}" == line["mean"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("veal feel\n", "line 1: a pair is two words with a tab between them"),
        ("veal\tVeal.\n", "line 1: a pair is two words"),
        ("", "has no pair of words"),
        ("meat\tbeat\n", "no transcript of .* is a word of"),
    ],
)
def test_pairs_that_are_none_are_told(run: Run, tmp_path: Path, text: str, message: str):
    (tmp_path / "pairs.tsv").write_text(text)
    with pytest.raises(UsageError, match=message):
        export(DrtTest(run=run.path, out=tmp_path / "test", rhymes=tmp_path / "pairs.tsv"))


def test_words_meet_without_case_and_punctuation():
    pairs = RhymePairs((("veal", "feel", ""), ("Von", "box", "")))
    assert pairs.choices(" Veal! ") == [("veal", "feel", "")]
    assert pairs.choices("von") == [("Von", "box", "")]
    assert not pairs.choices("veal feel")
