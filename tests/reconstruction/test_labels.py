"""Labels and ids that meet: an error or a place of their own, never a row or a file that is overwritten."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

import codec_bench
from codec_bench.audio import read_audio
from codec_bench.coding.items import resolve_items
from codec_bench.datasets.dataset import Dataset
from codec_bench.errors import UsageError
from codec_bench.listening_tests.config import MushraTest
from codec_bench.listening_tests.export import export
from codec_bench.metrics import METRICS, metric
from codec_bench.reconstruction.columns import resolve_metrics
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.plan import make_plan
from codec_bench.records import Utterance
from codec_bench.reports.table import build_tables
from codec_bench.runs.directory import Run, slug
from codec_bench.tokens import code_from_arrays
from tests.command import Cli
from tests.small_runs import DEMO

Config = Callable[..., RunConfig]
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One recording, and the same in a folder of each of some names; the working folder of the test."""
    for name in ("ref", "v1/recon", "v1_recon", "ground-truth"):
        (tmp_path / name).mkdir(parents=True)
        _record(tmp_path / name / "a.wav")
    return tmp_path


def _record(path: Path, seconds: float = 0.5) -> None:
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, int(16_000 * seconds)).astype(np.float32)
    soundfile.write(path, samples, 16_000)


def plan_of(folder: Path, *codec: Any, **options: Any) -> list[str]:
    """Labels of the rows of a run."""
    entries = [{**c, "files": str(folder / c["files"])} if isinstance(c, dict) else c for c in codec]
    config = RunConfig(codec=entries, dataset=str(folder / "ref"), metrics=["si_sdr"], **options)
    return [row.label for row in make_plan(config, config.dataset[0]).rows]


# --- rows ----------------------------------------------------------------------------------------------------------


def test_what_is_asked_for_twice_is_one_row(folder: Path):
    mine = {"files": "v1_recon", "name": "mine"}
    assert plan_of(folder, "opus@6000,opus@6000", mine, "ground-truth", mine) == ["ground-truth", "opus@6000", "mine"]
    assert plan_of(folder, "opus@6000", condition=["gain@-6,gain@-6.0"]) == [
        "ground-truth", "ground-truth+gain@-6", "opus@6000", "opus@6000+gain@-6",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("mine", "mine"), "two rows are called 'mine'"),
        (("mine", " mine "), "two rows are called 'mine'"),
        ((COMPOSED, DECOMPOSED), f"two rows are called '{COMPOSED}'"),
        (("v1/recon", "v1_recon"), "'v1/recon' and 'v1_recon' would lie in one folder, v1_recon"),
        (("mine", "Mine"), "'mine' and 'Mine' would lie in one folder"),
        (("mine", "mine."), "'mine' and 'mine.' would lie in one folder"),
        (("*", "?"), "would lie in one folder"),
        (("opus@6000", "mine"), "two rows are called 'opus@6000'"),
        (("opus@6000+gain@-6", "mine"), r"two rows are called 'opus@6000\+gain@-6'"),
        (("Ground-Truth", "mine"), "'ground-truth' and 'Ground-Truth' would lie in one folder"),
        (("ground-truth", "mine"), "ground-truth is the row of the recordings: give .* another --name"),
        (("ground-truth ", "mine"), "ground-truth is the row of the recordings"),
    ],
)
def test_two_rows_that_cannot_be_told_apart_are_an_error(folder: Path, names: tuple[str, str], said: str):
    entries = [{"files": where, "name": name} for where, name in zip(("v1/recon", "v1_recon"), names, strict=True)]
    with pytest.raises(UsageError, match=said):
        plan_of(folder, "opus@6000", *entries, condition=["gain@-6"])


@pytest.mark.parametrize("name", ["", " ", "\t", "two\nlines", "null\0", "right\u202eleft"])
def test_a_name_that_cannot_be_read_is_an_error(folder: Path, name: str):
    with pytest.raises(UsageError, match="the name of a row is a few letters on one line"):
        plan_of(folder, {"files": "v1_recon", "name": name})


def test_folders_that_lie_apart_may_have_labels_that_meet(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    for second in ("files:v1_recon", "files:v1/recon/"):
        with pytest.raises(UsageError, match="would lie in one folder"):
            plan_of(folder, "files:v1/recon", second)
    assert plan_of(folder, "files:v1/recon,files:v1/recon") == ["ground-truth", "files:v1/recon"]


def test_the_row_of_the_recordings_is_not_lost_to_a_folder_of_its_name(cli: Cli, folder: Path):
    for arguments in (("--decoded", "v1_recon", "--name", "ground-truth"), ("--decoded", "ground-truth")):
        for more in ((), ("--no-ground-truth",)):
            ended = cli("score", "--reference", "ref", *arguments, "--metrics", "si_sdr", *more)
            assert ended.returncode == 2
            assert "ground-truth is the row of the recordings" in ended.stderr


@pytest.mark.parametrize("name", ["NA", "001", "1e5", "null", "CON", "x" * 300, "a|b<c>&d", "=1+1", "Ünï 日本"])
def test_any_other_name_is_a_row_like_all(folder: Path, name: str, tmp_path: Path):
    run = codec_bench.run(
        [{"files": str(folder / "v1_recon"), "name": name}], str(folder / "ref"),
        metrics=["si_sdr"], jobs=1, report=False, ground_truth=False, keep_audio=True, out=tmp_path / "run",
    )  # fmt: skip
    assert list(run.summary["system"]) == list(run.scores["system"]) == [name]
    assert [row.label for row in build_tables([run])[0].sections[0].rows] == [name]
    assert (run.path / "audio" / slug(name) / "a.wav").is_file()


def test_a_row_of_another_run_does_not_take_the_name_that_tells_two_apart(folder: Path):
    def run(out: str, *names: str) -> Run:
        codecs = [{"files": str(folder / "v1_recon"), "name": name, "bitrate": len(out)} for name in names]
        options = {"metrics": ["si_sdr"], "jobs": 1, "report": False, "ground_truth": False}
        return codec_bench.run(codecs, str(folder / "ref"), out=folder / out, **options)

    (table,) = build_tables([run("one", "x", "x (two)"), run("second/two", "x")])
    labels = [row.label for section in table.sections for row in section.rows]
    assert len(set(labels)) == len(labels) == 3


# --- columns -------------------------------------------------------------------------------------------------------


def test_recommended_metrics_that_cannot_run_here_are_left_out_with_what_they_need(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_MIRROR", "/nowhere")
    monkeypatch.setenv("CODEC_BENCH_HOME", "/nowhere")
    warnings: list[str] = []
    labels = [m.label for m in resolve_metrics(["recommended"], "pocketsphinx", warnings)]
    assert {"wer[pocketsphinx]", "dwer[pocketsphinx]", "secs", "warpq"} <= set(labels)
    assert "nisqa" not in labels
    assert any("nisqa" in line and "codec-bench fetch metric:nisqa" in line for line in warnings)


def test_two_metrics_of_one_name_are_an_error_and_one_twice_is_not(monkeypatch: pytest.MonkeyPatch):
    assert [m.label for m in resolve_metrics(["stoi", "stoi", "default"], "pocketsphinx", [])].count("stoi") == 1
    other = replace(metric("stoi"), origin="mine:stoi", function=lambda reference, decoded: 0.0)
    found = METRICS.get
    monkeypatch.setattr(METRICS, "get", lambda name: other if name == "mine:stoi" else found(name))
    with pytest.raises(UsageError, match="stoi and mine:stoi would be one column, stoi"):
        resolve_metrics(["stoi", "mine:stoi"], "auto", [])


# --- ids -----------------------------------------------------------------------------------------------------------


class Named(Dataset):
    """Utterances of these ids; all have one recording."""

    name = "named"

    def __init__(self, *ids: str) -> None:
        self.ids = ids

    def utterances(self) -> Iterator[Utterance]:
        return (Utterance(id_, DEMO / "audio" / "rms-01.flac") for id_ in self.ids)


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (("a", "b", "a"), "data set named: the id 'a' appears twice"),
        (("a", "A"), "the ids 'a' and 'A' differ only in case"),
        (("a", "a "), "the ids 'a' and 'a ' differ only in"),
        ((COMPOSED, DECOMPOSED), r"the ids 'caf\\xe9' and 'cafe\\u0301' differ only in"),
        (("Stra\u00dfe", "STRASSE"), "differ only in"),
        (("../a",), "cannot be an id: it begins with a dot"),
        (("b/../../a",), "cannot be an id: it holds a path separator"),
        (("",), "cannot be an id: it is empty"),
        (("x" * 300,), "cannot be an id: it is longer than 200 bytes"),
        (("a\nb",), "cannot be an id: it holds a control character"),
    ],
)
def test_ids_of_any_data_set_name_a_file_each(ids: tuple[str, ...], said: str):
    with pytest.raises(UsageError, match=said):
        resolve_items(Named(*ids), [])


def test_ids_that_other_programs_take_for_something_else_are_ids(tmp_path: Path):
    ids = ["NA", "001", "1", "1e5", "100000", "null", "CON", "a.", "a..", "True", "-1", "#1", "日本", "x" * 200]
    rows = [f"{id_}\t{DEMO / 'audio' / 'rms-01.flac'}\n" for id_ in ids]
    (tmp_path / "set.tsv").write_text("id\tpath\n" + "".join(rows), encoding="utf-8")
    run = codec_bench.run(
        "opus@6000", str(tmp_path / "set.tsv"),
        metrics=["si_sdr"], jobs=1, report=False, keep_audio=True, out=tmp_path / "run",
    )  # fmt: skip
    assert sorted(run.scores[run.scores.system == "opus@6000"]["utterance"]) == sorted(ids)
    for kind, suffix in (("audio", "wav"), ("tokens", "npz")):
        assert {p.name for p in (run.path / kind / "opus@6000").iterdir()} == {f"{id_}.{suffix}" for id_ in ids}


def test_score_joins_files_whose_names_hold_commas_and_end_with_a_space(cli: Cli, tmp_path: Path):
    for where in ("one", "two"):
        (tmp_path / where).mkdir()
        for name in ("hello, world.wav", "hello.wav", "b .wav"):
            _record(tmp_path / where / name)
    ended = cli("score", "--reference", "one", "--decoded", "two", "--metrics", "si_sdr", "--out", "run", "--no-report")
    assert ended.returncode == 0
    assert set(codec_bench.load_run(tmp_path / "run").scores["utterance"]) == {"hello, world", "hello", "b "}


def test_the_pieces_of_a_recording_do_not_overwrite_another_one(tmp_path: Path):
    """With segments, `a` has the files `a-000` and `a-001`; another recording may be called so."""
    for name, seconds in (("a", 2.0), ("a-000", 0.9), ("A-001", 0.9)):
        _record(tmp_path / f"{name}.wav", seconds)
    run = codec_bench.run(
        "opus@6000", str(tmp_path),
        metrics=["si_sdr"], jobs=1, report=False, keep_audio=True, condition=["segment@1"], out=tmp_path / "run",
    )  # fmt: skip
    kept = (run.path / "tokens" / "opus@6000_segment@1").iterdir()
    lengths = {path.stem: code_from_arrays(dict(np.load(path))).samples for path in kept}
    assert lengths == {"a-000_": 16_000, "a-001_": 16_000, "a-000": 14_400, "A-001": 14_400}


# --- data sets, and what is made of runs ---------------------------------------------------------------------------


def test_two_data_sets_of_one_name_do_not_share_a_folder(cli: Cli, tmp_path: Path):
    for where in ("one/test", "two/test", "two/Test"):
        (tmp_path / where).mkdir(parents=True)
        _record(tmp_path / where / "a.wav")
    for sets in ("one/test,two/test", "one/test,two/Test"):
        ended = cli("run", "--codec", "opus@6000", "--dataset", sets, "--metrics", "si_sdr", "--out", "runs")
        assert ended.returncode == 2
        assert "have one name" in ended.stderr
        assert not (tmp_path / "runs").exists()


def test_a_system_that_is_called_as_an_anchor_is_not_replaced_by_it(tmp_path: Path):
    run = codec_bench.run(
        [{"files": str(DEMO / "audio"), "name": "anchor-3.5k"}], "demo",
        limit=2, metrics=["si_sdr"], jobs=1, report=False, keep_audio=True, out=tmp_path / "run",
    )  # fmt: skip
    asked = MushraTest(run=run.path, out=tmp_path / "test", items=2)
    with pytest.raises(UsageError, match=r"a system of .* is called anchor-3.5k, as the anchor is"):
        export(asked)
    made = export(asked.model_copy(update={"anchors": ["7k"]}))
    assert {s.system for trial in made.key.trials for s in trial.stimuli} == {"anchor-3.5k", "anchor-7k"}


def test_each_kept_file_is_the_audio_of_its_row(folder: Path, tmp_path: Path):
    """The rows that an earlier version mixed up: what is kept under a label is what was scored under it."""
    run = codec_bench.run(
        [{"files": str(folder / "v1/recon"), "name": "v1-recon"}, "opus@6000", "test-lowpass@1000"],
        str(folder / "ref"), metrics=["si_sdr"], jobs=1, report=False, keep_audio=True, out=tmp_path / "run",
        condition=["gain@-6"],
    )  # fmt: skip
    peaks = pd.read_csv(run.path / "reconstructions.csv").set_index("system")["decoded_peak"]
    assert len(peaks) == 7
    for label, peak in peaks.items():
        assert read_audio(run.path / "audio" / slug(str(label)) / "a.wav").peak == pytest.approx(peak, rel=1e-6)
