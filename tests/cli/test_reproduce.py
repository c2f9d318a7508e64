"""`codec-bench reproduce` and `list papers` as users meet them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from codec_bench.reproduction.config import folders_of
from tests.command import Cli


@pytest.fixture
def cli(codec_bench_in: Cli, tmp_path: Path) -> Cli:
    """Runs `codec-bench` in an empty folder, without network."""

    return partial(codec_bench_in, tmp_path, CODEC_BENCH_OFFLINE="1")


def test_list_papers_shows_every_table(cli: Cli) -> None:
    lines = cli("list", "papers").stdout.splitlines()
    grids = [i for i, line in enumerate(lines) if line.startswith("table")]
    assert grids == [0, 1 + 8 + 7 + 7 + 11]
    facts = json.loads(cli("list", "papers", "--json").stdout)
    by_table = {fact["table"]: fact for fact in facts}
    assert by_table["longcat:table5"]["rows"] == 13
    assert by_table["longcat:table5"]["columns"] == ["WER", "GPE", "PESQ", "STOI", "SECS"]
    assert by_table["magicodec:table1"]["rows_here"] == 11
    assert by_table["wavtokenizer:table4"]["command"] == "codec-bench probe"
    assert "LongCat Team" in by_table["longcat:figure6"]["citation"]
    assert by_table["longcat:figure7"]["left_out"].startswith("a plot whose figures are not printed")
    (row,) = (row for row in by_table["magicodec:table2"]["systems"] if row["row"] == "TS3Codec")
    assert (row["state"], row["reason"]) == ("only as files", "its authors publish neither code nor weights")
    assert "magicodec:table2\tTS3Codec\tonly as files\tits authors publish neither code nor weights" in lines


def test_a_table_of_facts_is_compared_at_once(cli: Cli) -> None:
    done = cli("reproduce", "magicodec:table1", "--row", "Mimi", "--json", "--out", "facts")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    found = {cell["column"]: (cell["published"], cell["measured"]) for cell in result["cells"]}
    assert found["bitrate"] == (550, 550)
    assert found["streaming"] == (True, True)


@pytest.mark.parametrize(("extra", "code"), [((), 0), (("--strict",), 1)])
def test_strict_ends_with_1_where_a_cell_is_outside(cli: Cli, extra: tuple[str, ...], code: int) -> None:
    done = cli("reproduce", "magicodec:table1", "--row", "SNAC", *extra)
    assert done.returncode == code
    assert "✗ outside tolerance" in done.stdout
    assert ("outside tolerance in magicodec:table1 (--strict): SNAC streaming" in done.stderr) == bool(extra)


@pytest.mark.as_user
@pytest.mark.slow
def test_files_of_a_row_are_scored_and_written(cli: Cli, shared: Path, tmp_path: Path) -> None:
    pairs = shared / "data" / "testB_pairs"
    done = cli(
        "reproduce", "longcat:table5", "--dataset", str(pairs / "GT"), "--files", f"LLM-Codec={pairs / 'LLM-Codec'}",
        "--files", f"EnCodec={pairs / 'EnCodec'}", "--metrics", "stoi", "--limit", "2", "--jobs", "1", "--no-report",
        "--out", "run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "| LLM-Codec | STOI ↑ | 0.879 |" in done.stdout
    assert "| EnCodec | STOI ↑ | – |" in done.stdout
    assert "**DATA SET REPLACED" in done.stdout
    names = {"reproduction.md", "reproduction.csv", "reproduction.json", "run.json", "summary.csv"}
    assert names <= {path.name for path in (tmp_path / "run").iterdir()}
    again = cli("reproduce", "longcat:table5", "--run", "run", "--row", "Ground Truth Recording", "--out", "again")
    assert again.returncode == 0, again.stderr
    assert "| Ground Truth Recording | STOI ↑ | 1.000 | 1.0000 |" in again.stdout


@pytest.mark.as_user
@pytest.mark.parametrize(("arguments", "said"), [
    (("longcat:table1",), "nothing of longcat:table1 can be measured here"),
    (("longcat:table9",), "table9"),
    (("nobody",), "paper"),
    (("longcat", "--files", "a=b"), "--files belongs to one table"),
    (("longcat:5", "--files", "nothing"), "is not ROW=DIR"),
    (("longcat:5", "--run", "nowhere"), "not a run directory"),
    (("longcat:5", "--files", "LLM-Codc=."), "longcat:table5 has no row 'LLM-Codc'; did you mean 'LLM-Codec'?"),
    (("longcat:5", "--files", "LLM-Codec=nowhere"), "nowhere does not exist"),
    (("longcat:table5",), "data set libritts-test-b is missing"),
])  # fmt: skip
def test_what_is_wrong_is_one_line_and_code_2(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    done = cli("reproduce", *arguments)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert said in line


def test_row_names_may_hold_equals_signs() -> None:
    assert folders_of(["EnCodec (Q = 8)=a=b", "X=files:c"]) == {"EnCodec (Q = 8)": "a=b", "X": "c"}
    with pytest.raises(ValueError, match="twice"):
        folders_of(["X=a", "X=b"])
