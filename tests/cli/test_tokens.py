"""`codec-bench tokens` from the command line to the run directory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import codec_bench
from codec_bench.cli import app
from codec_bench.errors import UsageError
from codec_bench.reports.table import build_table
from codec_bench.token_statistics.command import TokensConfig, run_tokens
from tests.command import Cli, check_refused

QUICK = {"codec": ("codec2@1200",), "dataset": "demo", "limit": 6, "lm_steps": 2, "map_method": "pca"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory):
    """A run, and the same again from its caches."""
    folder = tmp_path_factory.mktemp("tokens")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(folder / "home"))
        first = run_tokens(TokensConfig(**QUICK, out=folder / "first"))
        second = run_tokens(TokensConfig(**QUICK, out=folder / "second"))
    return first, second


@pytest.mark.long
def test_a_run_directory_of_its_kind(finished):
    run = codec_bench.load_run(finished[0].path)
    assert (run.kind, run.info["status"], run.failures) == ("tokens", "finished", [])
    assert [*run.systems] == ["words", "phones", "codec2@1200"]
    values = run.summary.set_index(["system", "metric"]).value
    assert set(run.metrics) == set(run.summary.metric)
    codec = values["codec2@1200"]
    assert codec.entropy_bitrate < codec.huffman_bitrate < 1.2
    assert codec.unigram_bitrate > codec.entropy_bitrate  # of other utterances than those that were counted
    assert codec.lm_share == pytest.approx(100 * codec.lm_bitrate / 1.2)
    assert values["phones", "zipf[1]"] < 0
    assert any("words: no zipf[" in warning for warning in run.info["warnings"])  # six sentences repeat few words
    assert pd.isna(values["words", "entropy_bitrate"])
    assert all(0 < codec[f"stability[{change}]"] < 100 for change in ("reencode", "shift", "gain", "noise", "slice"))
    assert all(0 < codec[f"ued[{change}]"] < 200 for change in ("shift", "gain", "noise", "speed"))
    assert codec["ued[shift]"] <= 100 - codec["stability[shift]"]  # a substitution is one of the edits


def test_the_tables_agree_with_each_other(finished):
    path = finished[0].path
    books = pd.read_csv(path / "codebooks.csv")
    assert books.codebook.tolist() == [1, 2, 3, 4, 5, 6]  # 48 bits in fields of 8
    assert (books.used + books.dead == books["size"]).all()
    usage = pd.read_csv(path / "usage.csv").groupby("codebook")
    assert (usage["rank"].max().to_numpy() == books.used).all()
    value = finished[0].summary.set_index(["system", "metric"]).value["codec2@1200"]
    assert value.entropy_bitrate == pytest.approx((books.entropy_bits * books.rate_hz).sum() / 1000)
    assert value.huffman_bitrate == pytest.approx((books.huffman_bits * books.rate_hz).sum() / 1000)
    curves = pd.read_csv(path / "ngrams.csv")
    assert set(curves.system) == {"words", "phones", "codec2@1200"}
    assert curves["count"].min() > 1
    assert len(pd.read_csv(path / "mutual_information.csv")) == 15
    places = pd.read_csv(path / "embedding_map.csv")
    assert (len(places), set(places.method)) == (6, {"pca"})


def test_a_second_run_gives_the_same_files(finished):
    first, second = (run.path for run in finished)
    names = [*sorted(p.name for p in first.glob("*.csv")), "scores.parquet"]
    assert len(names) == 10
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_kept_tokens_give_the_same_numbers_as_the_codec(finished, tmp_path: Path):
    made = {"metrics": ["si_sdr"], "limit": 6, "jobs": 1, "report": False, "ground_truth": False}
    made |= {"condition": ["noise@10", "loss@10", "segment@1"]}
    codec_bench.run("codec2@1200,opus@6000", "demo", out=tmp_path / "run", keep_audio=True, **made)
    kept = run_tokens(TokensConfig(tokens=tmp_path / "run", lm=False, map_method="none", out=tmp_path / "tokens"))
    assert any("stability" in warning for warning in kept.info["warnings"])
    wanted = pd.read_csv(finished[0].path / "codebooks.csv")
    books = pd.read_csv(kept.path / "codebooks.csv")
    pd.testing.assert_frame_equal(books[books.system == "codec2@1200"].reset_index(drop=True), wanted)
    # A row for what the encoder heard otherwise; no row for what has no tokens of its own, and the reason.
    assert set(books.system) == {"codec2@1200", "codec2@1200+noise@10"}
    assert [section.title for section in build_table(kept).sections if "noise" in section.title] != []
    said = "\n".join(kept.info["warnings"])
    assert "codec2@1200+loss@10 is left out: its encoder sent the tokens of codec2@1200" in said
    assert "codec2@1200+segment@1 is left out: its recordings were coded in pieces" in said
    assert "opus@6000 is left out: " in said
    shutil.rmtree(tmp_path / "run" / "tokens" / "codec2@1200")
    shutil.rmtree(tmp_path / "run" / "tokens" / "codec2@1200_noise@10")
    with pytest.raises(UsageError, match="has no tokens to look at: "):
        run_tokens(TokensConfig(tokens=tmp_path / "run", out=tmp_path / "none"))


def test_the_command_prints_both_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["tokens", "--codec", "codec2@1200", "--dataset", "demo", "--limit", "2", "--no-lm", "--no-stability"]
    arguments += ["--map", "none", "--no-report", "--out", str(tmp_path / "run")]
    app(arguments, standalone_mode=False)
    printed = capsys.readouterr().out
    assert "norm. entropy" in printed and "### Codebooks" in printed and "| codec2@1200 | 6 | 256 |" in printed
    app([*arguments, "--json"], standalone_mode=False)
    assert {row["system"] for row in json.loads(capsys.readouterr().out)} == {"words", "phones", "codec2@1200"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codec": ("opus@6000",)}, "opus@6000 has no tokens to look at"),
        ({"codec": ("ground-truth",)}, "ground-truth has no tokens"),
        ({"codec": ()}, "name codecs with --codec"),
        ({"tokens": Path("nowhere"), "codec": ()}, "--tokens comes with its own data set"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(options: dict, message: str, tmp_path: Path):
    with pytest.raises(UsageError, match=message):
        run_tokens(TokensConfig(**(QUICK | options), out=tmp_path))


def test_kept_tokens_must_be_there(tmp_path: Path):
    with pytest.raises(UsageError, match="is not a run directory"):
        run_tokens(TokensConfig(tokens=tmp_path / "nowhere", out=tmp_path / "run"))


@pytest.mark.as_user
def test_a_run_without_tokens_says_how_to_keep_them(cli: Cli):
    options = ("--dataset", "demo", "--limit", "1", "--metrics", "si_sdr", "--no-report", "--out", "run")
    assert cli("run", "--codec", "codec2@1200", *options).returncode == 0
    check_refused(cli("tokens", "--tokens", "run"), "run has no tokens: make it with codec-bench run ... --keep-audio")


def test_another_run_is_not_written_over(finished):
    with pytest.raises(UsageError, match="holds a run of another plan: it differs in dataset"):
        run_tokens(TokensConfig(**(QUICK | {"limit": 5}), out=finished[0].path))
