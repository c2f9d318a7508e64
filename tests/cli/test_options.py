"""An option is said once: commands have what their models have, and a file says the same as a command line."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from codec_bench.cli import NAMES, place
from codec_bench.cli.commands import command
from codec_bench.errors import UsageError
from codec_bench.options import Options, option_of
from codec_bench.probes.config import ProbeConfig
from codec_bench.reconstruction.config import PreparedFiles, RunConfig, ScoreConfig
from codec_bench.reproduction.config import ReproduceConfig
from codec_bench.speed.config import SpeedConfig
from codec_bench.token_statistics.config import TokensConfig
from tests.command import Cli

MODELS: dict[str, type[Options]] = {
    "run": RunConfig,
    "score": ScoreConfig,
    "probe": ProbeConfig,
    "tokens": TokensConfig,
    "speed": SpeedConfig,
    "reproduce": ReproduceConfig,
}
OF_PROGRAMS = {"run": {"only", "generated", "prompts", "prompt_root"}, "tokens": {"map_utterances"}}
"""Fields that no command line has."""

WHOLE = {
    "run": "--codec codec2@1200,opus --codec files:recon/x,y,z --bitrate 2.5 --group semantic "
    "--codebooks 2,3 --dataset demo,x.tsv --metrics stoi --metrics pesq_wb,wer --limit 3 --jobs 2 "
    "--coding-jobs 3 --engine ray --ray-address auto --name mine "
    "--device cuda:1 --batch-seconds 0 --checkpoint w.pt --asr x:y --normaliser chinese --condition noise@5,reverb "
    "--condition-reference altered --noise-dir n --room-dir r --data-root d --bands 3,1 --seed 7 --speed --keep-audio "
    "--max-failed 0.5 --timeout 9 --out o --no-ground-truth --no-report",
    "score": "--decoded d --reference r --name n --bitrate 1 --group classic --strict --metrics stoi --limit 2 "
    "--bands '' --text t.tsv --no-ground-truth --keep-audio --prompt-root p --device cpu",
    "probe": "--codec lyra,codec2 --task sid --task digits,er --dataset demo,sid=x.tsv --input latents:x --codebooks 2 "
    "--seeds 2 --head linear --split speakers --limit 9 --jobs 1 --audio-root a --seed 3 --max-failed 0 --out o",
    "tokens": "--codec lyra --dataset demo --ngram-codebooks 2 --pair-codebooks 0 --no-lm --lm-steps 2 --no-stability "
    "--map pca --label speaker --seed 1 --no-report",
    "speed": "--codec lyra --codebooks 16,46 --seconds 30,5 --audio x.wav --threads 2 --repeats 1 --warmup 0 "
    "--timeout 5",
    "reproduce": "longcat:table5 --files 'LLM-Codec=recon/llm' --files 'EnCodec (Q = 8)=e' --codec opus --row A,B "
    "--row C --run runs/a --dataset demo --metrics stoi,secs --limit 2 --text t.tsv --strict --no-report --keep-audio",
}  # fmt: skip


def read(name: str, line: str) -> Options:
    """What a command is asked for by a line."""
    found: list[Options] = []

    @command(MODELS[name])
    def record(config: Options, as_json: bool) -> None:
        """Keeps what it was asked for."""
        found.append(config)

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(record)
    app(shlex.split(line), standalone_mode=False)
    return found[0]


@pytest.mark.parametrize("name", MODELS)
def test_every_field_is_an_option_of_its_command(cli: Cli, name: str):
    fields = MODELS[name].model_fields
    assert {field for field in fields if option_of(fields[field]) is None} == OF_PROGRAMS.get(name, set())
    done = cli(name, "--help", COLUMNS="80").stdout
    assert max(map(len, done.splitlines())) <= 80
    flags = set(re.findall(r"(?<!\S)--[a-z-]+", done))
    renamed = {"symbol_codebooks": "--ngram-codebooks", "map_method": "--map", "stability": "--stability-utterances"}
    wanted = {renamed.get(field, f"--{field.replace('_', '-')}") for field in fields} - {"--table"}
    assert {f"--{field.replace('_', '-')}" for field in OF_PROGRAMS.get(name, ())}.isdisjoint(flags)
    assert wanted - {f"--{field.replace('_', '-')}" for field in OF_PROGRAMS.get(name, ())} <= flags
    assert {"--config", "--save-config", "--json"} <= flags
    headings = [line[:-1] for line in done.splitlines() if re.fullmatch(r"[A-Z].*:", line)]
    assert headings == ["What is measured", "Data", "How it is measured", "Where it runs", "What comes out"]


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_file_says_what_the_command_line_said(name: str, tmp_path: Path):
    asked = read(name, f"{WHOLE[name]} --save-config {tmp_path}/all.yaml")
    assert read(name, f"--config {tmp_path}/all.yaml") == asked
    assert MODELS[name].load(tmp_path / "all.yaml") == asked
    content = yaml.safe_load((tmp_path / "all.yaml").read_text())
    given = {
        word.removeprefix("--no-").removeprefix("--").replace("-", "_")
        for word in WHOLE[name].split()
        if word[:2] == "--"
    }
    given -= {"name", "bitrate", "group"} if name == "run" else set()  # they became part of --codec
    assert set(content) - {"table"} == {"stability_utterances" if key == "stability" else key for key in given}
    changed = read(name, f"--config {tmp_path}/all.yaml --device cuda:3")
    assert changed == asked.model_copy(update={"device": "cuda:3"})  # what a command line does not say stays


@pytest.mark.parametrize("name", MODELS)
def test_the_words_of_a_model_ask_for_it_again(name: str):
    line = WHOLE[name].replace("files:recon/x,y,z --bitrate 2.5 --group semantic", "z").replace("--name mine", "")
    asked = read(name, line)
    assert read(name, shlex.join(asked.words())) == asked


def test_what_no_command_line_can_ask_for_has_no_words():
    for config in (RunConfig(codec=[{"files": "x"}]), RunConfig(codec="a", only=["b"])):
        with pytest.raises(UsageError):
            config.words()


def test_lists_are_read_alike():
    assert read("run", WHOLE["run"]).describe()["codec"] == [
        "codec2@1200", "opus", {"files": "recon/x", "name": "mine", "bitrate": 2.5, "group": "semantic"}, "y", "z",
    ]  # fmt: skip
    by_option = read("run", "--codec a --codec b,c --codebooks 2 --codebooks 3,4 --bands 4,1")
    assert by_option == RunConfig(codec="a,b,c", codebooks=[2, 3, 4], bands=[4.0, "1"])
    assert read("score", WHOLE["score"]).describe()["bands"] == []
    assert read("speed", "--codec a --seconds 30,5").describe()["seconds"] == [5, 30]
    reproduced = read("reproduce", WHOLE["reproduce"]).describe()
    assert reproduced["files"] == {"LLM-Codec": "recon/llm", "EnCodec (Q = 8)": "e"}
    assert reproduced["row"] == ["A,B", "C"]  # names of rows may have commas


def test_switches_go_both_ways(tmp_path: Path):
    (tmp_path / "file.yaml").write_text("codec: a\nkeep_audio: true\nreport: false\n")
    assert read("run", f"--config {tmp_path}/file.yaml --no-keep-audio --report") == RunConfig(codec="a")
    for line, utterances in (
        ("", 200), ("--no-stability", 0), ("--stability-utterances 5", 5), ("--stability", 200),
        ("--stability --stability-utterances 5", 5), ("--no-stability --stability-utterances 5", 0),
    ):  # fmt: skip
        assert read("tokens", line).describe()["stability"] == utterances, line
    for text, utterances in (("stability: false", 0), ("stability: true", 200), ("stability-utterances: 7", 7)):
        (tmp_path / "file.yaml").write_text(text)
        assert TokensConfig.load(tmp_path / "file.yaml").stability == utterances


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("run", "", "option codec is missing, e.g. --codec codec2@1200,opus@6000"),
        ("run", "--codec a --engine lokal", "option engine should be 'local' or 'ray', not 'lokal'"),
        ("run", "--codec a --device gpu", "option device: a device is auto, cpu, cuda or cuda:1, not 'gpu'"),
        ("run", "--codec files:a,files:b --name x", "describe one files:DIR"),
        ("run", "--codec files:a --bitrate -1", "option bitrate should be greater than 0"),
        ("score", "", "option decoded is missing"),
        ("probe", "--codec a --dataset demo", "option task is missing, e.g. --task sid,digits"),
        ("probe", "--codec a --dataset demo --task er --input words", "--input words: it is tokens, embeddings"),
        ("tokens", "--tokens r --dataset demo", "--tokens comes with its own data set"),
        ("tokens", "--map tnse", "option map should be 'tsne', 'umap', 'pca' or 'none', not 'tnse'"),
        ("speed", "--codec a --seconds ''", "option seconds is missing"),
        ("speed", "--codec a --warmup -1", "option warmup should be greater than or equal to 0, not -1"),
        ("reproduce", "", "option table is missing, e.g. longcat:table5"),
        ("reproduce", "x --files y", "option files: 'y' is not ROW=DIR"),
    ],
)
def test_a_wrong_value_is_one_line(name: str, line: str, message: str):
    with pytest.raises(UsageError) as caught:
        read(name, line)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", MODELS)
def test_a_wrong_file_is_one_line_that_names_it(cli: Cli, name: str, tmp_path: Path):
    (tmp_path / "file.yaml").write_text("devise: cpu\ncodec: x\ntask: x\ndataset: x\n")
    done = cli(name, "--config", "file.yaml")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("codec-bench: file.yaml: ")


def test_unknown_keys_are_suggested_as_they_are_written(tmp_path: Path):
    (tmp_path / "file.yaml").write_text("codec: a\nngram_codebook: 2\n")
    with pytest.raises(UsageError, match=r"file.yaml: unknown option 'ngram_codebook'; did you mean 'ngram_codebooks'"):
        TokensConfig.load(tmp_path / "file.yaml")


def test_score_asks_for_a_run_of_its_files(tmp_path: Path):
    asked = ScoreConfig(decoded=tmp_path / "mine", reference="r", limit=2, bitrate=1.5)
    assert asked.run_config(["a"]) == RunConfig(
        codec=[PreparedFiles(files=str(tmp_path / "mine"), name="mine", bitrate=1.5)], dataset="r", only=["a"], limit=2
    )


def test_only_the_command_that_is_called_is_imported():
    script = (
        "import sys; from codec_bench.cli import main; sys.argv = ['codec-bench', 'list', 'tasks'];\n"
        "try: main()\nexcept SystemExit: pass\n"
        "unwanted = ('torch', 'pandas', 'rich', 'codec_bench.options', 'codec_bench.cli.run')\n"
        "print([module for module in unwanted if module in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for name in NAMES:
        module, attribute = place(name)
        assert hasattr(importlib.import_module(module), attribute)


def test_the_overview_imports_no_command_and_cuts_no_line():
    script = (
        "import sys; from codec_bench.cli import main; sys.argv = ['codec-bench', '--help'];\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith(('codec_bench.cli.', 'pydantic', 'numpy'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=os.environ | {"COLUMNS": "80"}
    )
    *overview, imported = done.stdout.splitlines()
    assert imported == "[]"
    assert not [line for line in overview[1:] if line.endswith("...")]  # the first says how commands are given
    assert {line.split()[0] for line in overview if line.startswith("  ") and line.strip()} >= set(NAMES)
