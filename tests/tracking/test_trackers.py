"""What trackers keep of a run is what its summary says, read back with their own libraries and without a network."""

from __future__ import annotations

import importlib
import json
import math
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import codec_bench
from codec_bench.comparison import compare, load_measurements
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.runs.directory import Run
from codec_bench.tracking import TrackerError
from codec_bench.tracking.findings import EXAMPLES, Findings, of_comparison, of_run
from codec_bench.tracking.mlflow import LONGEST, names_for
from tests.command import Cli

SYSTEMS = ["codec2@1200", "ground-truth"]


@pytest.fixture(scope="module")
def run(six: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Four utterances with audio."""
    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(folder / "home"))
        return codec_bench.run(
            "codec2@1200",
            str(six),
            metrics=["stoi", "gpe[praat]"],
            limit=4,
            jobs=1,
            keep_audio=True,
            out=folder / "v+1",
        )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to write into, for trackers that know no other."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("WANDB", "MLFLOW", "TRACKIO"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    return tmp_path


def expected(run: Run) -> dict[str, float]:
    """All numbers of `summary.csv`, read without us."""
    found = {}
    for row in pd.read_csv(run.path / "summary.csv").to_dict("records"):
        name = f"{row['system']}/{row['metric']}"
        parts = {name: row["value"], f"{row['system']}/bitrate_kbps": row["bitrate_kbps"]}
        parts |= {f"{name}/{part}": row[part] for part in ("ci_low", "ci_high", "n", "n_expected")}
        found |= {key: float(value) for key, value in parts.items() if not math.isnan(value)}
    return found


def test_what_there_is_to_show_of_a_run(run: Run):
    found = of_run(run)
    assert {"/".join(name): value for name, value in found.numbers.items()} == expected(run)
    assert len(found.numbers) == 2 * 2 * 5 + 1  # the recordings have no bitrate
    assert found.provenance["dataset"]["manifest_sha256"] == run.info["plan"]["dataset"]["manifest_sha256"]
    assert found.config["codec"] == ["codec2@1200"]
    assert [*found.pictures] == ["main_metrics"]
    assert {sound.system for sound in found.sounds} == set(SYSTEMS)
    assert len(found.sounds) == EXAMPLES * len(SYSTEMS)
    assert len({sound.utterance.partition("-")[0] for sound in found.sounds}) == EXAMPLES, "of as many speakers"
    assert {"run.json", "report.html", "scores.parquet"} <= {path.name for path in found.files}


def test_what_there_is_to_show_of_a_comparison(run: Run):
    before, after = load_measurements(run.path), load_measurements(run.path)
    comparison = compare(before, after, pairs=["ground-truth=codec2@1200"])
    found = of_comparison(comparison)
    (result,) = [r for r in comparison.results if r.column.label == "stoi"]
    assert result.paired is not None
    name = (result.pair.label, "stoi", "difference")
    assert found.numbers[name] == result.paired.difference < -0.05
    assert found.numbers["exit_code",] == comparison.exit_code
    assert found.table.set_index("metric").loc["stoi", "ci_low"] == result.paired.low
    assert {(sound.system, sound.path.parent.name) for sound in found.sounds} == {
        ("baseline", "ground-truth"), ("candidate", "codec2@1200"),
    }  # fmt: skip


def test_tensorboard(run: Run, here: Path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    codec_bench.log(run, "tensorboard:logs")
    codec_bench.log(run, "tensorboard:logs")
    assert sorted(path.name for path in (here / "logs").iterdir()) == ["v+1", "v+1-2"]
    events = reader.EventAccumulator(str(here / "logs" / "v+1"), {"images": 0, "audio": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()
    read = {tag: events.Scalars(tag)[0].value for tag in tags["scalars"]}
    assert read == pytest.approx(expected(run), rel=1e-6)
    assert tags["images"] == ["plots/main_metrics"]
    assert len(tags["audio"]) == EXAMPLES * len(SYSTEMS)
    (text,) = events.Tensors("table/text_summary")[0].tensor_proto.string_val
    assert "codec2@1200" in text.decode()


@pytest.mark.slow
def test_mlflow(run: Run, here: Path):
    mlflow = pytest.importorskip("mlflow")
    codec_bench.log(run, "mlflow:sqlite:///runs.db")
    client = mlflow.MlflowClient(tracking_uri="sqlite:///runs.db")
    (experiment,) = client.search_experiments(filter_string="name = 'codec-bench'")
    (kept,) = client.search_runs([experiment.experiment_id])
    wanted = expected(run)
    names = names_for(wanted)
    assert kept.data.metrics == {names[name]: value for name, value in wanted.items()}
    assert "codec2_1200/gpe.praat/ci_low" in kept.data.metrics
    assert kept.info.status == "FINISHED"
    assert kept.data.params["codec"] == "codec2@1200"
    assert kept.data.tags["provenance.resampler"] == run.info["provenance"]["resampler"]
    paths = {entry.path for entry in client.list_artifacts(kept.info.run_id)}
    assert {"table.csv", "report.html", "plots", "audio"} <= paths
    with pytest.raises(TrackerError, match="CODEC_BENCH_OFFLINE forbids"):
        codec_bench.log(run, "mlflow:http://127.0.0.1:1")


def records(path: Path) -> Iterator[Any]:
    """The records of a `.wandb` file: blocks of 32 KiB, in them parts of records with a header of seven bytes each."""
    proto = importlib.import_module("wandb.proto.wandb_internal_pb2")
    data, place, part = path.read_bytes(), 7, b""
    assert data[:4] == b":W&B"
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        part += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole one, or the last part of one
            yield proto.Record.FromString(part)
            part = b""


@pytest.mark.slow
def test_wandb(run: Run, here: Path):
    wandb = pytest.importorskip("wandb")
    codec_bench.log(run, "wandb:team/codecs")
    wandb.teardown()  # as at the end of a program: its own process writes when it likes
    (folder,) = (here / "wandb").glob("offline-run-*")
    found = [*records(next(folder.glob("*.wandb")))]
    logged: dict[str, Any] = {}
    for record in found:
        for item in record.history.item:
            logged["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
    assert {name: value for name, value in logged.items() if name in expected(run)} == expected(run)
    (started,) = {(r.run.entity, r.run.project, r.run.display_name) for r in found if r.HasField("run")}
    assert started == ("team", "codecs", "v+1")
    table = json.loads((folder / "files" / logged["table/path"]).read_text())
    frame = pd.DataFrame(table["data"], columns=table["columns"])
    summary = pd.read_csv(run.path / "summary.csv")
    for column in ("system", "metric", "value", "ci_low", "ci_high", "n", "n_expected"):
        assert frame[column].tolist() == summary[column].tolist(), column
    assert logged["plots/main_metrics/_type"] == "image-file"
    assert len(json.loads((folder / "files" / logged["audio/path"]).read_text())["data"]) == EXAMPLES * len(SYSTEMS)
    assert ("eval_results", "v_1") in {(r.artifact.type, r.artifact.name) for r in found}


@pytest.mark.slow
def test_trackio(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("TRACKIO_DIR", str(here / "trackio"))
    trackio = pytest.importorskip("trackio")
    if str(here) not in str(importlib.import_module("trackio.utils").TRACKIO_DIR):
        pytest.skip("trackio was imported before, and keeps its folder")
    own = trackio.init(project="training", name="mine", embed=False)
    codec_bench.log(run, "trackio:codecs")
    trackio.log({"loss": 0.5})  # the user's own run goes on
    trackio.finish()
    storage = importlib.import_module("trackio.sqlite_storage").SQLiteStorage
    (logged,) = storage.get_logs("codecs", "v+1")
    assert {name: value for name, value in logged.items() if name in expected(run)} == expected(run)
    assert {"table", "report", "plots/main_metrics"} <= {*logged}
    assert [entry["loss"] for entry in storage.get_logs("training", own.name)] == [0.5]


def test_names_of_mlflow_stay_apart():
    names = [
        "a[x]/b",
        "a.x/b",
        "c@6/d",
        "c_6/d",
        "Case",
        "case",
        "",
        "../up",
        "./x",
        "e" * 300,
        "e" * 301,
        "é/µ",
        "a//b",
    ]
    made = names_for(names)
    assert len({name.casefold() for name in made.values()}) == len(names)
    assert made["é/µ"] == "é/µ"
    for name in made.values():
        assert set(name) <= set("_-./: éµ") | {c for c in name if c.isascii() and c.isalnum()}
        assert len(name) <= LONGEST
        assert str(Path(name)) == name
    assert names_for(names[::-1]) == made, "whatever the order"


@pytest.mark.slow
def test_mlflow_takes_these_names():
    validation = pytest.importorskip("mlflow.utils.validation")
    for name in names_for(
        ["a[x]/b", "c@6+noise@10/d", "..", "./x", "e" * 300, "wer[nemo:x]", "per%", "a//b", ""]
    ).values():
        validation._validate_metric_name(name)


def test_a_tracker_that_fails_costs_nothing_but_itself(cli: Cli, run: Run, tmp_path: Path):
    pytest.importorskip("tensorboard")
    (tmp_path / "file").write_text("in the way")
    done = cli(
        "run", "--codec", "codec2@1200", "--dataset", "demo", "--limit", 1, "--metrics", "si_sdr", "--jobs", 1,
        "--no-report", "--json", "--out", "out", "--log", "tensorboard:file,tensorboard:good",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert "not logged to tensorboard: tensorboard failed: " in done.stderr
    assert "`codec-bench log out --to tensorboard:file` tries again" in done.stderr
    assert (tmp_path / "good" / "out").is_dir()
    again = cli("log", "out", "--to", "tensorboard:file")
    assert (again.returncode, again.stdout) == (1, "")


def test_one_that_is_not_installed_says_what_installs_it(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UnavailableError, match=r"pip install 'codec-bench\[wandb\]'"):
        codec_bench.log(run.path, "wandb")


def test_an_unknown_tracker_is_said_before_anything_is_computed(cli: Cli, run: Run):
    for command in (("run", "--codec", "codec2"), ("score", "--decoded", "x"), ("compare", "a", "b")):
        done = cli(*command, "--log", "wanbd")
        assert (done.returncode, "unknown tracker 'wanbd'; did you mean 'wandb'?" in done.stderr) == (2, True)
    with pytest.raises(UsageError, match="unknown tracker"):
        codec_bench.log(run, "tensorboard", "aim")


def test_findings_hold_no_number_that_is_none(run: Run):
    lacking = run.summary.copy()
    lacking.loc[0, ["value", "ci_low", "ci_high"]] = math.nan
    holed = Run(run.path, run.info)
    holed.__dict__["summary"] = lacking
    found: Findings = of_run(holed)
    assert all(map(math.isfinite, found.numbers.values()))
    assert len(found.numbers) == len(of_run(run).numbers) - 3
