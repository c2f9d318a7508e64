"""The Python interface: what it shows of itself, what it takes, and that its keywords are the commands' options."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import typer

import codec_bench
from codec_bench.adapters import Codec, CodecSpec
from codec_bench.api import report
from codec_bench.cli import app
from codec_bench.datasets.demo_set import Demo
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.testing.codecs import Identity
from codec_bench.tokens import Codebook
from tests.command import Cli
from tests.conftest import ROOT

FUNCTIONS = ("run", "score", "probe", "tokens", "speed")
QUICK = {"metrics": ["si_sdr"], "limit": 1, "jobs": 1, "report": False}


class Network(torch.nn.Module):
    """A gain, and dropout that must not be at work."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(()))
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return self.dropout(samples) * self.gain


class Live(Codec):
    """A codec around a network that lives in the program."""

    name = "live"
    spec = CodecSpec("Live", "acoustic", 16_000, 16_000, codebooks=(Codebook(1024, hop=1),) * 2)

    def __init__(self, network: Network, codebooks: int | None = None) -> None:
        super().__init__(None, codebooks)
        self.network = network

    def _encode(self, samples):
        fine = (torch.from_numpy(samples).clamp(-1, 1) * 2**19).round().long() + 2**19
        fine = fine.clamp(0, 2**20 - 1)
        return self.tokens([fine // 1024, fine % 1024])

    def _decode(self, code):
        books = [torch.from_numpy(stream.codes) for stream in code.streams]
        fine = books[0] * 1024 + (books[1] if len(books) > 1 else 512)
        return self.network((fine - 2**19) / 2**19)


def values(run: codec_bench.Run) -> dict[str, float]:
    return dict(run.summary[["system", "value"]].itertuples(index=False))


@pytest.mark.as_user
def test_the_interface_is_what_is_shown():
    assert {"run", "evaluate", "score", "tokens", "speed", "list_codecs", "Run"} <= set(dir(codec_bench))
    assert not {"adapters", "api", "metrics", "importlib", "annotations"} & set(dir(codec_bench))
    for name in codec_bench.__all__:
        assert getattr(codec_bench, name) is not None
    with pytest.raises(AttributeError, match="did you mean 'evaluate'"):
        _ = codec_bench.evalute


def test_importing_it_costs_nothing_and_parts_that_are_called_can_be_imported():
    code = (
        "import sys, codec_bench; assert 'numpy' not in sys.modules; from codec_bench.tokens import Codebook; "
        "import codec_bench.speed as part, inspect; assert part.__name__ == 'codec_bench.speed'; "
        "assert 'repeats' in inspect.signature(codec_bench.speed).parameters; "
        "assert 'books' in inspect.signature(codec_bench.tokens).parameters; "
        "assert codec_bench.tokens.Codebook is Codebook"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", FUNCTIONS)
def test_keywords_are_the_options_of_the_command(name: str):
    command = typer.main.get_command(app).commands[name]
    parameters = set(inspect.signature(getattr(codec_bench, name)).parameters)
    flags = {option.opts[0].lstrip("-").replace("-", "_") for option in command.params}
    switches = {"stability", "augment"}  # which Python gives to the option that they switch
    programs = {"save_config", "dry_run", "json", "help"}
    assert flags - switches - programs == parameters - ({"tokens"} - flags)


def test_keywords_of_report_are_the_options_of_the_command():
    options = {
        option.opts[-1].lstrip("-").replace("-", "_")
        for option in typer.main.get_command(app).commands["report"].params
    }
    assert options == set(inspect.signature(report).parameters)


def test_the_typed_keywords_are_what_the_options_say():
    done = subprocess.run(
        [sys.executable, "scripts/keyword_options.py"], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout == (ROOT / "codec_bench" / "keywords.py").read_text()


@pytest.mark.as_user
@pytest.mark.slow  # mypy reads the whole package
def test_a_type_checker_finds_a_wrong_keyword(tmp_path: Path):
    pytest.importorskip("mypy")
    (tmp_path / "good.py").write_text(
        "import codec_bench\n\nrun = codec_bench.run('opus@6000', 'demo', metrics=['stoi'], sample=2, out='runs/x')\n"
        "codec_bench.tokens('mimi', books='semantic', map='pca')\n"
        "codec_bench.speed('mimi', seconds=[1, 2.5])\nprint(run.summary)\n"
    )
    (tmp_path / "bad.py").write_text(
        "import codec_bench\n\ncodec_bench.run('opus@6000', metrcs=['stoi'])\n"
        "codec_bench.run('opus@6000', engine='rya')\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml")]
    found = {
        name: subprocess.run(
            [*command, f"{tmp_path}/{name}.py"], check=False, capture_output=True, text=True, cwd=ROOT
        ).stdout
        for name in ("good", "bad")
    }
    assert "Success" in found["good"], found["good"]
    assert 'Unexpected keyword argument "metrcs"' in found["bad"], found["bad"]
    assert "bad.py:4" in found["bad"], found["bad"]


@pytest.mark.as_user
def test_keywords_complete_in_a_notebook(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("IPython")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)  # IPython puts another one's packages before the standard library
    from IPython.core.completer import provisionalcompleter
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.Completer.use_jedi = False
    shell.user_ns |= {"codec_bench": codec_bench, "run": codec_bench.run, "tokens": codec_bench.tokens}
    _, names = shell.complete("codec_bench.eva")
    assert any(name.endswith(".evaluate") for name in names)  # whole, or what stands behind the dot
    for line, wanted in (("run(batch_s", "batch_seconds="), ("tokens(lm_st", "lm_steps=")):
        with provisionalcompleter():
            assert wanted in {found.text for found in shell.Completer.completions(line, len(line))}
    InteractiveShell.clear_instance()


@pytest.mark.as_user
def test_a_live_model_is_measured_as_it_is_and_left_as_it_was(tmp_path: Path):
    network = Network().train()
    first = codec_bench.run([Live(network), "codec2@1200"], Demo(), out=tmp_path / "1", **QUICK)
    assert network.training and network.dropout.training
    assert set(values(first)) == {"ground-truth", "live", "codec2@1200"}
    assert values(first)["live"] > 60  # 20 bits, no dropout
    with torch.no_grad():
        network.gain.fill_(-1.0)  # SI-SDR does not care, but it is another model
    loud = codec_bench.run(
        Live(network), "demo", out=tmp_path / "2", **(QUICK | {"metrics": ["mel_distance", "si_sdr"]})
    )
    systems = [run.systems["live"] for run in (first, loud)]
    assert systems[0]["fingerprint"] != systems[1]["fingerprint"]
    assert systems[0]["weights"].keys() == {"(object)"}


def test_the_same_object_is_measured_anew_after_training(tmp_path: Path):
    network = Network()
    codec = Live(network, codebooks=1)
    options = QUICK | {"metrics": ["stft_distance"]}
    before = codec_bench.run(codec, "demo", out=tmp_path / "1", **options)
    with torch.no_grad():
        network.gain.fill_(0.25)
    after = codec_bench.run(codec, "demo", out=tmp_path / "2", **options)
    assert set(values(before)) == {"ground-truth", "live@1"}
    assert values(after)["live@1"] > values(before)["live@1"] + 0.5


@pytest.mark.as_user
def test_classes_loaded_codecs_paths_and_lists_are_taken(tmp_path: Path):
    kept = codec_bench.run(Identity, "demo", out=tmp_path / "kept", keep_audio=True, **QUICK)
    recon = kept.path / "audio" / "test-identity"
    given = [codec_bench.load_codec("codec2@1200"), recon, Identity]
    metrics = QUICK | {"metrics": [codec_bench.metric("si_sdr"), "lsd"]}
    run = codec_bench.run(given, codec_bench.load_dataset("demo", limit=1), out=tmp_path / "all", **metrics)
    assert set(run.systems) == {"ground-truth", "codec2@1200", f"files:{recon}", "test-identity"}
    assert set(run.metrics) == {"si_sdr", "lsd"}
    scored = codec_bench.score(recon, recon, name="again", **QUICK)
    assert "again" in scored.systems


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: codec_bench.run(3, "demo"), "a codec is a name"),
        (lambda: codec_bench.run("opus@6000", 3), "a data set is a name"),
        (lambda: codec_bench.run(dataset="demo"), "option codec is missing, e.g."),
        (lambda: codec_bench.run("opus@6000", "demo", metrcs=["stoi"]), "did you mean 'metrics'"),
        (lambda: codec_bench.run("opus@6000", ["demo", "six"]), "call it for each"),
        (lambda: codec_bench.run(Live(Network()), "demo", engine="ray"), "is an object of this process"),
        (lambda: codec_bench.run([Live(Network()), Live(Network())], "demo"), "two codecs would be the row 'live'"),
        (lambda: codec_bench.compare("runs/none", "runs/none"), "codec-bench baseline save"),
        (lambda: codec_bench.report([]), "name a run"),
        (lambda: codec_bench.tokens(dataset="demo"), "name codecs"),
    ],
)  # fmt: skip
def test_errors_are_one_line_with_the_next_step(call, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CodecBenchError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.as_user
@pytest.mark.parametrize(
    "options", [{"codec": "opsu@6000"}, {"codec": "opus@6000", "metrics": ["pesq-wb"]}, {"codec": "mimi@99"}]
)
def test_errors_are_those_of_the_command(cli: Cli, options: dict):
    with pytest.raises(UsageError) as caught:
        codec_bench.run(dataset="demo", **options)
    words = [
        word for name, value in options.items() for word in (f"--{name}", value if isinstance(value, str) else value[0])
    ]
    done = cli("run", "--dataset", "demo", *words)
    assert done.stderr == f"codec-bench: {caught.value}\n"


@pytest.mark.as_user
def test_runs_and_comparisons_show_themselves(tmp_path: Path):
    run = codec_bench.run("codec2@1200", "demo", out=tmp_path / "a", **QUICK)
    assert repr(run) == f"Run({str(tmp_path / 'a')!r}, demo, 2 systems, 1 metric, finished)"
    assert "<td>codec2@1200</td><td>1.20</td>" in run._repr_html_()
    compared = codec_bench.compare(run, tmp_path / "a")
    assert len(repr(compared)) < 200
    assert "<td>codec2@1200</td>" in compared._repr_html_()
    assert [path.name for path in codec_bench.report(run, tmp_path / "b", format="md,csv", plots=False)] == [
        "table.md", "table.csv",
    ]  # fmt: skip
    assert np.isfinite(values(run)["codec2@1200"])


def test_lists_are_tables():
    assert codec_bench.list_metrics().set_index("metric").loc["stoi", "better"] == "higher"
    assert "demo" in set(codec_bench.list_datasets()["dataset"])
