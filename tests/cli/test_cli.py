"""The command line as users meet it: exit codes, one-line errors, what goes to which stream."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from tests.command import Cli, run_command
from tests.small_runs import DEMO


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The caches of all commands here: most ask for the same two utterances."""
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture
def cli(home: str, tmp_path: Path) -> Cli:
    return partial(run_command, tmp_path, CODEC_BENCH_HOME=home)


QUICK = ("run", "--dataset", "demo", "--limit", "2", "--metrics", "si_sdr", "--no-report", "--jobs", "1")


def test_a_run_prints_the_table_says_where_it_is_and_can_be_saved_as_options(cli: Cli, tmp_path: Path):
    done = cli(*QUICK, "--codec", "codec2@3200,opus@6000", "--out", "out", "--save-config", "suite.yaml")
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC SPEECH" in done.stdout
    assert re.search(r"\| codec2@3200 \| 3\.20 \| 50 \| ", done.stdout)
    assert "written to out" in done.stderr
    assert (tmp_path / "out" / "table.md").read_text() == done.stdout
    names = {"run.json", "scores.parquet", "summary.csv", "table.md", "utterances.csv", "reconstructions.csv"}
    assert names <= {p.name for p in (tmp_path / "out").iterdir()}
    columns = {"system", "group", "bitrate_kbps", "frame_rate_hz", "metric", "value", "ci_low", "ci_high", "n"}
    assert columns <= set(pd.read_csv(tmp_path / "out" / "summary.csv"))
    again = cli("run", "--config", "suite.yaml")
    assert (again.returncode, again.stdout) == (0, done.stdout), again.stderr


def test_json_goes_to_standard_output_alone(cli: Cli):
    rows = json.loads(cli(*QUICK, "--codec", "codec2@3200", "--json").stdout)
    found = [(r["system"], r["metric"], r["n"]) for r in rows]
    assert found == [("ground-truth", "si_sdr", 2), ("codec2@3200", "si_sdr", 2)]
    assert rows[1]["value"] < 5 < rows[0]["value"]


@pytest.mark.long
def test_the_default_folder_is_named_after_the_run(cli: Cli, tmp_path: Path):
    for extra in ([], [], ["--seed", "1"]):
        assert cli(*QUICK, "--codec", "codec2@3200", *extra).returncode == 0
    names = sorted(p.name for p in (tmp_path / "runs").iterdir())
    assert len(names) == 2  # the same plan continues, another one gets a folder of its own
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-codec2-demo", names[0])
    assert names[1] == names[0] + "-2"


@pytest.mark.long
def test_several_data_sets_are_several_runs(cli: Cli, tmp_path: Path):
    (tmp_path / "suite.yaml").write_text(
        "codec: [codec2@3200]\ndataset: [demo, more]\nmetrics: [si_sdr]\nlimit: 1\nreport: false\nout: out\n"
    )
    (tmp_path / "more").mkdir()
    tone = np.random.default_rng(0).normal(0, 0.1, 16_000)
    soundfile.write(tmp_path / "more" / "a.wav", tone, 16_000)
    done = cli("run", "--config", "suite.yaml")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "demo" / "run.json").exists()
    assert (tmp_path / "out" / "more" / "run.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--codec", "codek2"], "unknown codec 'codek2'; did you mean 'codec2'"),
        (["--codec", "codec2@1250"], "unknown setting of codec2 '1250'; did you mean"),
        (["--codec", "codec2@"], "is not a system"),
        (["--codec", "files:nowhere"], "nowhere"),
        (["--codec", "nowhere.at.all:Codec"], "cannot be imported"),
        (["--codec", "codec2", "--metrics", "pesq-wb"], "did you mean 'pesq_wb'"),
        (["--codec", "codec2", "--metrics", "gpe[pratt]"], "did you mean 'praat'"),
        (["--codec", "codec2", "--metrics", "stoi[x]"], "has no variants"),
        (["--codec", "codec2", "--asr", "pocketfinch"], "did you mean 'pocketsphinx'"),
        (["--codec", "codec2", "--dataset", "dmo"], "did you mean 'demo'"),
        (["--codec", "codec2", "--dataset", "none.tsv"], "none.tsv"),
        (["--codec", "codec2", "--codebooks", "2"], "none of the codecs has codebooks"),
        (["--codec", "codec2", "--bands", "1,2"], "positive and falling"),
        (["--codec", "codec2", "--condition", "nois@10"], "unknown condition 'nois'; did you mean 'noise'"),
        (["--codec", "codec2", "--condition", "noise"], "noise takes an SNR in dB from -40 to 100, not nothing"),
        (["--codec", "codec2", "--condition-reference", "noisy"], "condition_reference"),
        (["--codec", "codec2", "--limit", "0"], "limit"),
        (["--codec", "codec2", "--jobs", "0"], "jobs"),
        (["--codec", "codec2", "--name", "x"], "describe one files:DIR"),
        (["--codec", "codec2", "--device", "gpu"], "device"),
        (["--codec", "codec2", "--device", "cuda:99"], "there is no device 'cuda:99'"),
        (["--codec", "codec2", "--checkpoint", "x.pt"], "codec2 takes none"),
        (["--codec", "codec2", "--nonsense"], "--nonsense"),
        (["--codec", "codec2", "--limit", "many"], "--limit"),
        (["--codec", "codec2", "--out", "/proc/nothing/here"], "cannot be written"),
        ([], "codec"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(cli: Cli, arguments: list[str], message: str):
    done = cli(*QUICK, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    last = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
    assert len(last) == 1
    assert last[0].startswith("codec-bench: ")
    assert done.stdout == ""


@pytest.mark.long
def test_libritts_says_what_to_download(cli: Cli):
    done = cli("run", "--codec", "codec2@3200", CODEC_BENCH_OFFLINE="1")
    assert done.returncode == 2
    assert "openslr.org/resources/60/test-clean.tar.gz" in done.stderr
    assert "--data-root" in done.stderr


@pytest.mark.long
def test_lost_systems_make_the_run_fail_with_1(cli: Cli):
    done = cli(*QUICK, "--codec", "test-failing@1")
    assert done.returncode == 1
    assert "codec-bench: test-failing@1: 2 of 2 utterances failed" in done.stderr
    assert "test-failing@1 |" in done.stdout


@pytest.mark.long
def test_files_made_elsewhere_get_their_row(cli: Cli, tmp_path: Path):
    kept = cli(*QUICK, "--codec", "codec2@3200", "--out", "first", "--keep-audio")
    assert kept.returncode == 0
    mine = ("--name", "mine", "--bitrate", "3.2", "--group", "semantic", "--out", "second")
    done = cli(*QUICK, "--codec", "files:first/audio/codec2@3200", *mine)
    assert done.returncode == 0, done.stderr
    assert "*2-4 kbps, semantic*" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith("| mine |"))
    other = next(line for line in kept.stdout.splitlines() if line.startswith("| codec2@3200 |"))
    assert row.split("|")[2].strip() == "3.20†"
    assert row.split("|")[4] == other.split("|")[4]


@pytest.mark.as_user
@pytest.mark.long
def test_ctrl_c_ends_with_130_and_the_run_continues(tmp_path: Path):
    arguments = ["run", "--dataset", "demo", "--metrics", "stoi,pesq_wb", "--codec", "codec2@3200", "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "codec_bench", *arguments, "--no-report"],
        cwd=tmp_path, env=os.environ | {"CODEC_BENCH_HOME": str(tmp_path / "home")}, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL, text=True,
        # whoever runs the tests in the background may have told their children to pass over it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip
    database = tmp_path / "home" / "cache" / "scores.sqlite"
    for _ in range(600):
        time.sleep(0.05)
        if database.exists() and (tmp_path / "home" / "cache" / "audio").exists():
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "codec-bench: interrupted; repeat the command to continue"
    assert "Traceback" not in errors


class TestScore:
    """`codec-bench score`."""

    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[str, str]:
        generator = np.random.default_rng(0)
        for name, stems in (("ref", "abc"), ("dec", "bcd")):
            (tmp_path / name).mkdir()
            for stem in stems:
                soundfile.write(tmp_path / name / f"{stem}.wav", generator.normal(0, 0.1, 16_000), 16_000)
        return "ref", "dec"

    def call(self, cli: Cli, folders: tuple[str, str], *extra: str) -> subprocess.CompletedProcess[str]:
        reference, decoded = folders
        return cli(
            "score", "--reference", reference, "--decoded", decoded, "--metrics", "si_sdr", "--no-report", *extra
        )

    def test_files_without_a_partner_are_named_and_left_out(self, cli: Cli, folders: tuple[str, str]):
        done = self.call(cli, folders)
        assert done.returncode == 0, done.stderr
        assert "1 files of ref have no partner and are left out: a" in done.stderr
        assert "1 files of dec have no partner and are left out: d" in done.stderr
        assert "ref: 2 utterances" in done.stdout
        assert "| dec |" in done.stdout
        assert self.call(cli, folders, "--strict").returncode == 1

    def test_samples_that_were_scaled_twice_are_reported(self, cli: Cli, folders: tuple[str, str], tmp_path: Path):
        for path in (tmp_path / "dec").iterdir():
            samples, rate = soundfile.read(path)
            soundfile.write(path, samples / 1000, rate, subtype="FLOAT")
        done = self.call(cli, folders)
        assert "WARNING: dec: decoded audio is 60 dB quieter than the recordings" in done.stderr

    @pytest.mark.as_user
    @pytest.mark.long
    def test_an_exact_copy_that_is_quieter_is_exact_and_warned_of(self, cli: Cli, tmp_path: Path):
        for place, factor in (("ref", 1.0), ("dec", 0.25)):
            (tmp_path / place).mkdir()
            for name in ("rms-01", "slt-02"):
                samples, rate = soundfile.read(DEMO / "audio" / f"{name}.flac")
                soundfile.write(tmp_path / place / f"{name}.wav", factor * samples, rate, subtype="FLOAT")
        options = ("--metrics", "secs,si_sdr", "--no-report", "--jobs", "1")
        done = cli("score", "--reference", "ref", "--decoded", "dec", *options)
        assert done.returncode == 0, done.stderr
        assert "WARNING: secs is lower where levels differ, whatever the voice" in done.stderr
        assert "dec -12 dB" in done.stderr and "| dec | – | – | exact |" in done.stdout

    def test_no_pair_at_all_is_2(self, cli: Cli, folders: tuple[str, str], tmp_path: Path):
        for path in (tmp_path / "dec").iterdir():
            path.rename(path.with_name("x" + path.name))
        done = self.call(cli, folders)
        assert done.returncode == 2
        assert "has the stem of a file" in done.stderr


@pytest.mark.as_user
@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("LLM-Codec", {"pesq_wb": 1.806, "stoi": 0.875, "estoi": 0.762, "secs": 0.916, "gpe": 1.861}),
        ("EnCodec", {"pesq_wb": 1.567, "stoi": 0.848, "estoi": 0.734, "secs": 0.897, "gpe": 3.763}),
    ],
)
def test_real_codec_output_scores_as_measured_independently(
    cli: Cli, shared: Path, system: str, expected: dict[str, float]
):
    pairs = shared / "data" / "testB_pairs"
    done = cli(
        "score", "--reference", str(pairs / "GT"), "--decoded", str(pairs / system), "--text",
        str(pairs / "transcripts.tsv"), "--metrics", ",".join(expected), "--json", "--no-report",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {r["metric"]: r for r in json.loads(done.stdout) if r["system"] == system}
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value, abs=0.05 if name == "gpe" else 0.005), name
        assert found[name]["n"] == found[name]["n_expected"] == 30


@pytest.mark.parametrize("kind", ["codecs", "metrics", "datasets"])
def test_list(cli: Cli, kind: str):
    rows = json.loads(cli("list", kind, "--json").stdout)
    names = {row[kind[:-1]] for row in rows}
    assert {"codecs": {"opus", "lyra"}, "metrics": {"pesq_wb", "wer"}, "datasets": {"demo"}}[kind] <= names
    text = cli("list", kind)
    assert text.returncode == 0
    assert len(text.stdout.splitlines()) == len(rows) + 1


def test_list_imports_nothing_heavy():
    heavy = ("torch", "scipy", "pandas", "matplotlib", "pesq", "resemblyzer")
    script = (
        "import sys; from codec_bench.catalogue import codec_facts, metric_rows; codec_facts(); metric_rows();"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_doctor_says_what_is_missing_and_what_brings_it(cli: Cli):
    rows = {row["what"]: row for row in json.loads(cli("doctor", "--json").stdout)}
    assert rows["python"]["state"] == rows["codec codec2"]["state"] == "ok"
    assert rows["codec lyra"]["state"] == "missing"
    assert "CODEC_BENCH_MIRROR" in rows["codec lyra"]["detail"]


def test_without_arguments_the_help_is_shown(cli: Cli):
    done = cli()
    assert "Usage" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_version(cli: Cli):
    assert re.fullmatch(r"codec-bench \d+\.\d+\.\d+", cli("--version").stdout.strip())


def test_the_installed_command_finds_a_codec_in_the_current_folder(tmp_path: Path):
    (tmp_path / "mine.py").write_text(
        "from codec_bench.testing.codecs import Identity\n\n\nclass Mine(Identity):\n    name = 'mine'\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [Path(sys.executable).with_name("codec-bench"), *QUICK, "--codec", "mine:Mine", "--out", "out"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "| mine |" in done.stdout
