"""Tasks and their data sets: what is said before anything starts, and what is skipped with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec_bench.datasets import DATASETS
from codec_bench.errors import UsageError
from codec_bench.probes.config import ProbeConfig, tasks_of_sets
from codec_bench.probes.plan import plan_sets, split_by_access, wanted_sets
from codec_bench.probes.recipes import RECIPES, SETS
from codec_bench.probes.run import probe


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two labels by three speakers, without transcripts; a second manifest has other speakers of the same."""
    folder = tmp_path_factory.mktemp("words")
    generator = np.random.default_rng(0)
    lines = ["id\tpath\tspeaker\tlabel"]
    for k in range(18):
        samples = 0.1 * np.sin((300, 900)[k % 2] * np.arange(2400) / 8000) + 0.01 * generator.standard_normal(2400)
        soundfile.write(folder / f"u{k}.wav", samples, 8000)
        lines.append(f"u{k}\tu{k}.wav\tspk{k % 3}\t{('low', 'high')[k % 2]}")
    (folder / "words.tsv").write_text("\n".join(lines) + "\n")
    (folder / "others.tsv").write_text("\n".join(lines) + "\n")
    return folder / "words.tsv"


def asked(task: str, *dataset: str, **more: object) -> ProbeConfig:
    return ProbeConfig(codec="codec2@1200", task=task, dataset=list(dataset), **more)


def test_every_task_has_sets_that_exist():
    assert list(SETS) == [*sorted(RECIPES, key=list(SETS).index)] and set(SETS) == set(RECIPES)
    assert {name for names in SETS.values() for name in names} <= set(DATASETS.names())


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (["ser=x.tsv"], "unknown task 'ser'; did you mean"),
        (["asr=x.tsv"], "--task is sid,er"),
        (["sid="], "it is TASK=NAME"),
        (["sid=a.tsv", "er=b.tsv", "demo"], "--dataset demo: every task has a data set of its own"),
    ],
)
def test_entries_that_fit_no_task_are_refused(entries: list[str], said: str):
    with pytest.raises(UsageError, match=said):
        tasks_of_sets(["sid", "er"], entries)


def test_a_path_may_hold_an_equals_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("split=a.tsv").touch()
    assert tasks_of_sets(["sid"], ["split=a.tsv"]) == {"split=a.tsv": ("sid",)}


def test_what_is_missing_is_said_first_and_the_rest_goes_on(words: Path, caplog: pytest.LogCaptureFixture):
    wanted = wanted_sets(asked("digits,er,asr,sed,intent", f"digits={words}", f"asr={words}"))
    obtainable, missing = split_by_access(wanted)
    assert [one.dataset.name for one in obtainable] == ["words", "slurp"]
    assert [line.partition(":")[0] for line in missing] == [
        "er on iemocap is skipped", "sed on audioset is skipped",
    ]  # fmt: skip
    assert "https://sail.usc.edu/iemocap/" in missing[0] and "--data-root" in missing[1]
    assert [record.message for record in caplog.records][:2] == missing
    assert "intent on slurp: slurp is fetched first (" in caplog.text
    (plan,), skipped = plan_sets(asked("digits,asr"), obtainable[:1])
    assert [task.recipe.task for task in plan.tasks] == ["digits"] and skipped == []
    assert plan.skipped == ["asr on words is skipped: none of the 18 utterances has a transcript"]
    with pytest.raises(UsageError, match="er on iemocap is skipped"):
        split_by_access(wanted_sets(asked("er")))


def test_two_sets_of_one_name_have_no_folders(words: Path, tmp_path: Path):
    (tmp_path / "words.tsv").write_text(words.read_text())
    with pytest.raises(UsageError, match="two data sets have the name words"):
        wanted_sets(asked("sid,er", f"sid={words}", f"er={tmp_path / 'words.tsv'}"))
    with pytest.raises(UsageError, match="--audio-root belongs to one data set"):
        wanted_sets(asked("sid,er", f"sid={words}", "er=demo", audio_root=tmp_path))


@pytest.mark.slow
def test_each_set_has_a_run_and_what_was_skipped_is_a_failure(words: Path, tmp_path: Path):
    out = tmp_path / "runs"
    sets = (f"digits={words}", f"asr={words}", f"sid={words.with_name('others.tsv')}", "er=iemocap")
    probed = probe(asked("digits,asr,sid,er", *sets, seeds=1, jobs=1, device="cpu", out=out))
    assert [run.path for run in probed.runs] == [out / "words", out / "others"]
    assert [set(run.metrics) for run in probed.runs] == [
        {"accuracy[digits]", "macro_f1[digits]"}, {"accuracy[sid]", "macro_f1[sid]"},
    ]  # fmt: skip
    assert probed.runs[0].failures == ["asr on words is skipped: none of the 18 utterances has a transcript"]
    assert probed.runs[1].failures == [] and len(probed.skipped) == 1
    assert json.loads((out / "words/run.json").read_text())["status"] == "failed"
