"""Runs on codecs whose cost is known. No time is compared with anything closer than a factor."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import codec_bench
from codec_bench.adapters.codec import Codec
from codec_bench.errors import UsageError
from codec_bench.records import Status
from codec_bench.reports.table import build_table
from codec_bench.runs.directory import Run
from codec_bench.speed import results
from codec_bench.speed.config import SpeedConfig
from codec_bench.speed.measure import SpeedMeasurement
from codec_bench.speed.results import load_warning, time_warnings
from codec_bench.speed.run import run_speed
from codec_bench.speed.worker import Subject

from . import codecs

pytestmark = pytest.mark.long

CODECS = (
    codecs.Sleeping, codecs.Hungry, codecs.Dying, codecs.Unloadable, codecs.Deaf, codecs.Silent, codecs.Convolution,
)  # fmt: skip
SYSTEMS = SLEEPING, HUNGRY, DYING, UNLOADABLE, DEAF, SILENT, CONVOLUTION = tuple(codec.name for codec in CODECS)
"""What their rows are called."""


def loaded_from(codec: type[Codec]) -> str:
    """How a codec of a module is asked for."""
    return f"{codec.__module__}:{codec.__name__}"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All of them in one run, short ones."""
    out = tmp_path_factory.mktemp("speed") / "run"
    return run_speed(SpeedConfig(codec=tuple(map(loaded_from, CODECS)), seconds=(0.8, 0.4), repeats=2, out=out))


@pytest.fixture(scope="module")
def values(measured: Run) -> pd.Series[Any]:
    return measured.summary.set_index(["system", "metric"]).value


@pytest.fixture(scope="module")
def reasons(measured: Run) -> dict[tuple[str, str], str]:
    failed = measured.scores[measured.scores.status != "ok"]
    return {(r.system, r.metric): f"{r.status}: {r.reason}" for r in failed.itertuples()}


def test_times_are_those_that_the_codec_takes(values: pd.Series[Any]):
    for length in ("0.4s", "0.8s"):  # sleeping takes as long as asked or longer, never less
        assert 0.2 <= values[SLEEPING, f"rtf_encode[{length}]"] < 0.6
        assert 0.05 <= values[SLEEPING, f"rtf_decode[{length}]"] < 0.4
        assert 0.25 <= values[SLEEPING, f"rtf[{length}]"] < 0.9
        assert 1.6 < values[SLEEPING, f"x_realtime_encode[{length}]"] <= 5


def test_the_inverse_is_the_inverse(measured: Run):
    table = measured.scores[measured.scores.status == "ok"].pivot(
        index=["system", "utterance"], columns="metric", values="value"
    )
    for name in ("rtf_encode", "rtf_decode"):
        product = (table[f"{name}[0.8s]"] * table[name.replace("rtf", "x_realtime") + "[0.8s]"]).dropna()
        assert len(product) >= 6
        assert product.tolist() == pytest.approx([1.0] * len(product))


def test_memory_is_what_the_codec_takes(values: pd.Series[Any]):
    assert values[HUNGRY, "memory_loaded_mb"] == pytest.approx(codecs.MEGABYTES, abs=30)
    for length in ("0.4s", "0.8s"):
        assert values[HUNGRY, f"peak_memory_mb[{length}]"] == pytest.approx(2 * codecs.MEGABYTES, abs=60)
        assert values[SLEEPING, f"peak_memory_mb[{length}]"] < 60


def test_operations_and_parameters_are_those_counted_by_hand(values: pd.Series[Any], measured: Run):
    samples = 6400 + 80  # what the delay pushes out at the end is coded, too
    frames = math.ceil(samples / codecs.HOP)
    each = frames * codecs.HOP * codecs.WIDTH / 0.4 / 1e9
    assert values[CONVOLUTION, "gmacs_encode"] == pytest.approx(each)
    assert values[CONVOLUTION, "gmacs_decode"] == pytest.approx(each)
    assert values[CONVOLUTION, "gmacs"] == pytest.approx(2 * each)
    assert values[CONVOLUTION, "parameters_m"] == pytest.approx(2 * codecs.HOP * codecs.WIDTH / 1e6)
    assert measured.info["machine"][CONVOLUTION]["parameters"] == {"counted": 2560, "stated": 1}
    assert measured.info["machine"][CONVOLUTION]["precision"] == "float32"
    assert measured.info["machine"][CONVOLUTION]["torch_threads"] == 1


def test_latencies(values: pd.Series[Any]):
    assert values[CONVOLUTION, "algorithmic_delay_ms"] == pytest.approx(10 + 5)
    assert 15 < values[CONVOLUTION, "latency_ms"] < 500
    assert 30 < values[CONVOLUTION, "decoder_latency_ms"] < 500  # three frames of 10 ms


def test_what_cannot_be_measured_has_a_reason_and_the_rest_goes_on(
    values: pd.Series[Any], reasons: dict[tuple[str, str], str], measured: Run
):
    assert values[DYING, "rtf[0.4s]"] > 0
    assert "killed by SIGKILL" in reasons[DYING, "rtf[0.8s]"]
    assert reasons[DYING, "rtf[0.8s]"].startswith("crashed")
    assert reasons[UNLOADABLE, "rtf[0.4s]"] == "encode_failed: its model is damaged"
    assert reasons[DEAF, "rtf_decode[0.4s]"] == "decode_failed: RuntimeError: no sound"
    assert values[DEAF, "rtf_encode[0.4s]"] > 0
    assert reasons[SILENT, "rtf_decode[0.4s]"] == "undefined: it has no decoder"
    assert values[SILENT, "rtf_encode[0.8s]"] > 0
    assert "no torch module" in reasons[SLEEPING, "gmacs"]
    assert "whole recordings" in reasons[SLEEPING, "latency_ms"]
    assert "whole recordings" in reasons[SLEEPING, "decoder_latency_ms"]
    assert "no trained parameters" in reasons[SLEEPING, "parameters_m"]
    failed = {name for name in SYSTEMS if any(line.startswith(name) for line in measured.failures)}
    assert failed == {DYING, UNLOADABLE, DEAF}
    assert measured.info["status"] == "failed"


def test_a_codec_in_an_environment_of_its_own_is_weighed_with_its_process(tmp_path: Path):
    codecs.Apart.environment.create()
    run = run_speed(SpeedConfig(codec=(loaded_from(codecs.Apart),), seconds=(1.0,), repeats=1, out=tmp_path))
    assert run.failures == []
    value, reason = (run.summary.set_index("metric").value, run.scores.set_index("metric").reason)
    assert value["rtf[1s]"] > 0
    # An interpreter with NumPy takes more than 15 MB, and this process of ours takes none of it.
    assert 15 < value["memory_loaded_mb"] <= value["peak_memory_mb[1s]"] + 5
    assert "process of its own" in reason["gmacs"]
    assert run.info["machine"][codecs.Apart.name]["isolated"] is True


def test_a_gpu_is_waited_for_before_and_after_the_clock(monkeypatch: pytest.MonkeyPatch):
    """The order of calls; what they do needs a GPU, see `test_on_a_gpu`."""
    calls: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: calls.append(f"wait for {device}"))
    subject = Subject()
    subject._device = "cuda:1"
    timed = subject._timed(Status.ENCODE_FAILED, lambda: calls.append("encode"))
    assert calls == ["wait for cuda:1", "encode", "wait for cuda:1"]
    assert timed.seconds > 0
    subject._device = "cpu"
    subject._timed(Status.ENCODE_FAILED, lambda: calls.append("encode"))
    assert len(calls) == 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu(tmp_path: Path):
    asked = (loaded_from(codecs.Convolution), "codec2@1200")
    run = run_speed(SpeedConfig(codec=asked, seconds=(1.0,), repeats=2, out=tmp_path))
    assert run.failures == []
    machine = run.info["machine"]
    assert (machine[CONVOLUTION]["device"], machine["codec2@1200"]["device"]) == ("cuda", "cpu")
    assert machine[CONVOLUTION]["device_name"] == torch.cuda.get_device_name()
    value = run.summary.set_index(["system", "metric"]).value
    weights = 2 * codecs.HOP * codecs.WIDTH * 4 / 1e6
    assert value[CONVOLUTION, "peak_gpu_memory_mb[1s]"] > weights
    assert value[CONVOLUTION, "gmacs"] > 0 and value[CONVOLUTION, "rtf[1s]"] > 0
    assert pd.isna(value["codec2@1200", "peak_gpu_memory_mb[1s]"])


def test_every_column_of_every_system_has_a_row_and_counts(measured: Run):
    loaded = codec_bench.load_run(measured.path)
    assert loaded.kind == "speed"
    assert len(loaded.summary) == len(loaded.metrics) * len(loaded.systems)
    scored = loaded.scores[loaded.scores.status == "ok"].groupby(["system", "metric"]).size()
    for row in loaded.summary.itertuples():
        assert row.n == scored.get((row.system, row.metric), 0)
        assert row.n in (0, row.n_expected)
        assert row.n_expected == (2 if row.metric.startswith(("rtf", "x_real", "latency", "decoder_lat")) else 1)
        if row.n == 2:
            assert row.ci_low <= row.value <= row.ci_high
    rounds = pd.read_csv(loaded.path / "rounds.csv")
    assert rounds[rounds.system == SLEEPING].repeat.tolist() == [1, 2, 1, 2]


def test_the_table_says_how_it_was_measured(measured: Run):
    table = build_table(measured)
    titles = [title for title, _ in table.blocks]
    assert titles[0] == "Real-time factor"
    first = [column.label for column in table.blocks[0][1]]
    assert first == ["parameters_m", "rtf[0.4s]", "rtf[0.8s]"]  # as in Stable-Codec's table 10
    notes = "\n".join(table.footnotes)
    assert "1 thread" in notes and "weights in float32" in notes and "rounds that count: 2" in notes
    assert f"of {UNLOADABLE}: its model is damaged" in notes
    assert "first to third quartile" in notes


def test_the_same_command_measures_again_and_another_is_refused(tmp_path: Path):
    options: dict[str, Any] = {"codec": ("codec2@1200",), "seconds": (0.4,), "repeats": 1, "warmup": 0, "out": tmp_path}
    first, second = (run_speed(SpeedConfig(**options)) for _ in range(2))
    assert [len(run.info["sessions"]) for run in (first, second)] == [1, 2]
    assert json.loads(json.dumps(first.info["plan"])) == json.loads(json.dumps(second.info["plan"]))
    with pytest.raises(UsageError, match="holds a run of another plan"):
        run_speed(SpeedConfig(**options | {"repeats": 2}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codec": ()}, "option codec is missing"),
        ({"codec": ("ground-truth",)}, "has no speed"),
        ({"codec": ("no-such-codec",)}, "no-such-codec"),
        ({"seconds": (0.0,)}, "option seconds should be greater than or equal to 0.1, not 0.0"),
        ({"seconds": (math.nan,)}, "option seconds should be a finite number"),
        ({"threads": 0}, "option threads should be greater than or equal to 1"),
        ({"repeats": 0}, "option repeats should be greater than or equal to 1"),
        ({"device": "cuda:99"}, "no device"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(options: dict[str, Any], message: str, tmp_path: Path):
    with pytest.raises(UsageError, match=message):
        run_speed(SpeedConfig(**{"codec": ("codec2@1200",), "out": tmp_path / "run", **options}))


def test_a_busy_machine_is_told_of(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(results.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(results.os, "getloadavg", lambda: (2.9, 0, 0))
    assert load_warning(1) == ""
    assert "its load is 2.9" in load_warning(2)


def test_clocks_that_disagree_are_told_of():
    def found(wall: float, cpu: float) -> list[str]:
        made = {"encode_seconds": wall, "encode_cpu": cpu}
        return time_warnings({"x": SpeedMeasurement(rounds=[made], machine={"device": "cpu", "isolated": False})}, 1)

    assert found(1.0, 0.98) == []
    assert "worked for 30%" in found(1.0, 0.3)[0]
    assert "1.9 threads" in found(1.0, 1.9)[0]
    assert found(0.001, 0.0001) == []
