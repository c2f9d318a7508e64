"""Whatever a plug-in raises costs that system or that pair; the others are scored, and the traceback is kept."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

import codec_bench
from codec_bench.errors import UsageError
from codec_bench.runs.directory import Run, slug

HERE = Path(__file__).parent


def at(text: str) -> str:
    """Where a line of the plug-ins is, as reasons name it."""
    lines = (HERE / "bad_plugins.py").read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if text in line]
    return f"(bad_plugins.py:{number})"


def after(start: str, text: str) -> str:
    """Where a line is that comes first after another one."""
    lines = (HERE / "bad_plugins.py").read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if start in line)
    return f"(bad_plugins.py:{next(n for n, line in enumerate(lines[begin:], begin + 1) if text in line)})"


BROKEN = {
    "LoadRaises": f"load-raises cannot be loaded: KeyError: 'generator' {at('generator')}",
    "LoadExits": f"load-exits cannot be loaded: SystemExit: 7 {at('SystemExit(7)')}",
    "SpecRaises": f"bad_plugins:SpecRaises cannot be made: AssertionError: 24000 Hz are needed {at('24000')}",
    "InitRaises": f"bad_plugins:InitRaises cannot be made: FileNotFoundError: config.yaml {at('config.yaml')}",
    "PartsRaise": f"bad_plugins:PartsRaise cannot be made: OSError: libcodec.so: wrong ELF class {at('wrong ELF')}",
    "UnsupportedExits": f"bad_plugins:UnsupportedExits cannot be made: SystemExit: no GPU here {at('no GPU here')}",
    "WeightsRaise": f"bad_plugins:WeightsRaise cannot be made: KeyError: 'weights' {at('model.pt')}",
    "EncodeExits": f"SystemExit: 3 {at('SystemExit(3)')}",
    "DecodeRaises": f"LinAlgError: Singular matrix {at('linalg.inv')}",
    "Interrupts": f"KeyboardInterrupt {after('class Interrupts', 'raise KeyboardInterrupt')}",
    "Cancels": f"CancelledError {after('class Cancels', 'raise asyncio')}",
    "RaisesMute": f"Mute {after('class RaisesMute', 'raise Mute')}",
}

UNMADE = ("SpecRaises", "InitRaises", "UnsupportedExits")
"""Nobody could ask these for their name."""


def row(name: str) -> str:
    """What the row of a class is called."""
    return f"bad_plugins:{name}" if name in UNMADE else re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


METRICS = (
    "eraser", "level", "eraser_by_tensor", "exits", "words", "interrupts_scoring", "cancels_scoring", "mute",
)  # fmt: skip

FINE = ("Plain", "Training", "Announced", "Stateful", "Batched", "Unknown")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        soundfile.write(folder / f"{name}.wav", (0.1 * rng.standard_normal(8_000)).astype(np.float32), 16_000)
    return folder


@pytest.fixture(scope="module")
def run(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        patch.setenv("PYTHONPATH", str(HERE))
        patch.setenv("CODEC_BENCH_HOME", str(tmp_path_factory.mktemp("home")))
        return codec_bench.run(
            [f"bad_plugins:{name}" for name in (*BROKEN, *FINE)], str(recordings), jobs=1, report=False,
            metrics=["si_sdr", *(f"bad_plugins:{metric}" for metric in METRICS)],
            out=tmp_path_factory.mktemp("out") / "run",
        )  # fmt: skip


@pytest.mark.long
class TestOneRun:
    @pytest.mark.parametrize("name", BROKEN)
    def test_a_system_that_fails_says_where_and_keeps_the_traceback(self, run: Run, name: str):
        scores = run.scores[run.scores["system"] == row(name)]
        assert set(scores["reason"]) == {BROKEN[name]}
        assert scores["value"].isna().all()
        own = re.compile(rf"{re.escape(slug(row(name)))}(-[0-9a-f]{{8}})?\.txt")
        (trace,) = (path for path in (run.path / "failures").iterdir() if own.fullmatch(path.name))
        text = trace.read_text()
        assert re.match(rf"{row(name)} on [ab]\nTraceback \(most recent call last\):", text)
        assert text.count("Traceback (most recent") <= 4  # the same of b is not kept again
        assert 'bad_plugins.py", line ' in text

    @pytest.mark.parametrize("name", FINE)
    def test_the_others_are_scored(self, run: Run, recordings: Path, name: str):
        scores = run.scores[(run.scores["system"] == row(name)) & (run.scores["metric"] == "level")]
        assert set(scores["status"]) == {"ok"}
        if name in ("Plain", "Batched", "Unknown"):
            for utterance, value in zip(scores["utterance"], scores["value"], strict=True):
                samples, _ = soundfile.read(recordings / f"{utterance}.wav", dtype="float32")
                wanted = np.abs(samples - (np.round(samples * 32_767) / 32_767).astype(np.float32)).mean()
                assert value == pytest.approx(wanted, rel=1e-6)

    def test_a_metric_that_writes_into_its_input_fails_alone(self, run: Run):
        """`level` and `si_sdr` stand before and behind it and see the signals as they were."""
        scores = run.scores[run.scores["system"] == "plain"].set_index("metric")
        reasons = {metric: set(scores.loc[metric, "reason"]) for metric in METRICS}
        assert reasons["eraser"] == {f"ValueError: assignment destination is read-only {at('reference.samples[:]')}"}
        (by_tensor,) = reasons["eraser_by_tensor"]
        assert by_tensor.startswith("ValueError: it wrote into its input: work on a copy")
        assert reasons["exits"] == {f"SystemExit: 0 {at('SystemExit(0)')}"}
        (words,) = reasons["words"]
        assert words.startswith("TypeError: it returned 'many', not a number or a Ratio")
        for metric, text in (("interrupts_scoring", "KeyboardInterrupt"), ("cancels_scoring", "CancelledError")):
            assert reasons[metric] == {f"{text} {after(f'def {metric}', 'raise ')}"}
        assert reasons["mute"] == {f"Mute {after('def mute', 'raise Mute')}"}
        assert (scores.loc["si_sdr", "value"] > 60).all()
        for metric in ("eraser", "interrupts_scoring", "cancels_scoring", "mute"):
            assert (run.path / "failures" / f"{metric}.txt").is_file()

    def test_what_differs_from_call_to_call_is_said_unless_it_is_announced(self, run: Run):
        differing = [w for w in run.info["warnings"] if "from call to call" in w]
        assert [w.partition(" of the same")[0] for w in differing] == ["training: `decode`", "stateful: `encode`"]

    def test_what_was_made_to_fit_and_what_is_not_kept_is_said(self, run: Run):
        warnings = run.info["warnings"]
        assert "batched: `_decode` returns 3 dimensions, read as [n]" in warnings
        (kept,) = [warning for warning in warnings if "kept for this run only" in warning]
        assert kept.startswith("unknown: ")
        identities = {s["label"]: s.get("identity") for s in run.info["plan"]["systems"]}
        assert identities["ground-truth"] is None
        assert identities["unknown"]["is_lasting"] is False
        assert identities["plain"]["is_lasting"] is True
        assert set(identities["plain"]["modules"]) == {"bad_plugins"}

    def test_a_repetition_computes_what_is_not_known_and_what_failed(
        self, run: Run, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.syspath_prepend(str(HERE))
        monkeypatch.setenv("PYTHONPATH", str(HERE))
        monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "home"))
        options = {"metrics": ["bad_plugins:level"], "jobs": 1, "report": False, "ground_truth": False}
        for expected in (4, 2):
            names = ["bad_plugins:Plain", "bad_plugins:Unknown"]
            again = codec_bench.run(names, str(recordings), out=tmp_path / str(expected), **options)
            assert again.info["sessions"][-1]["scores_computed"] == expected
        # The same directory is continued, although another invocation names the addresses.
        again = codec_bench.run(names, str(recordings), out=tmp_path / "2", **options)
        assert again.info["sessions"][-1]["scores_computed"] == 2


@pytest.mark.long
def test_a_metric_that_kills_its_process_costs_its_own_scores(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    metrics = ["si_sdr", "bad_plugins:dies", "bad_plugins:level"]
    options = {"jobs": 1, "report": False, "ground_truth": False, "limit": 1}
    run = codec_bench.run("bad_plugins:Plain", str(recordings), metrics=metrics, out=tmp_path / "run", **options)
    assert dict(zip(run.scores["metric"], run.scores["status"], strict=True)) == {
        "si_sdr": "ok",
        "dies": "crashed",
        "level": "ok",
    }


def test_names_of_codecs_lead_out_of_no_folder(recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The second recording is in the scale of 16-bit integers, which is said."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    given, out = tmp_path / "given", tmp_path / "runs" / "run"
    given.mkdir()
    samples, rate = soundfile.read(recordings / "a.wav", dtype="float32")
    for name, gain in (("a", 1), ("b", 32_768)):
        soundfile.write(given / f"{name}.wav", gain * samples, rate, subtype="FLOAT")
    codecs = ["bad_plugins:LeadsOut", "bad_plugins:Markup"]
    run = codec_bench.run(codecs, str(given), metrics=["si_sdr"], jobs=1, keep_audio=True, report=False, out=out)
    rows = ["x/../../y", "<script>window.pwned=1</script>"]
    scores = run.scores[run.scores["system"].isin(rows)]
    assert scores["status"].tolist() == ["ok"] * 4
    kept = {slug(name) for name in rows}
    assert {path.parent.name for path in (out / "audio").rglob("*.wav")} >= kept
    assert {path.parent.name for path in (out / "tokens").rglob("*.npz")} == kept
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["run"]
    assert {path.name for path in tmp_path.iterdir()} == {"given", "runs"}
    (warning,) = [w for w in run.info["warnings"] if "full scale" in w]
    assert warning.startswith("1 of 2 recordings have samples up to 1.")


def test_two_codecs_of_one_name_are_an_error_that_names_both(recordings: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(HERE))
    message = "bad_plugins:Plain and bad_plugins:Namesake both have the name 'plain': give one another `name`"
    with pytest.raises(UsageError, match=message):
        codec_bench.run(["bad_plugins:Plain", "bad_plugins:Namesake"], str(recordings), metrics=["si_sdr"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 +", r"SyntaxError: invalid syntax \(broken_module.py, line 1\)"),
        ("raise SystemExit(0)", r"SystemExit: 0 \(broken_module.py:1\)"),
        ("import not_there_at_all", "No module named 'not_there_at_all'"),
        ("x = {}['key']", r"KeyError: 'key' \(broken_module.py:1\)"),
    ],
)
@pytest.mark.parametrize("kind", ["codec", "metrics", "dataset", "condition"])
def test_a_module_that_cannot_be_imported_is_an_error_of_one_line(
    tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str, kind: str
):
    (tmp_path / "broken_module.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    options = {"codec": ["gsm"], "dataset": str(recordings), "metrics": ["si_sdr"]}
    name = "broken_module:Thing" + "@1" * (kind == "condition")
    with pytest.raises(UsageError, match=f"broken_module:Thing' cannot be imported: .*{message}"):
        codec_bench.run(**options | {kind: name if kind == "dataset" else [name]}, out=tmp_path / "run")
