"""Rows that run: real reconstructions of test set B, small codecs from a mirror, and everything that does not run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from codec_bench import api
from codec_bench.adapters.standing import State
from codec_bench.errors import UsageError
from codec_bench.reproduction import find_tables
from codec_bench.reproduction.availability import commands, standing
from codec_bench.reproduction.config import ReproduceConfig
from codec_bench.reproduction.finished import compare_runs
from codec_bench.reproduction.judging import Agreement, Reproduction
from codec_bench.reproduction.report import markdown, write
from codec_bench.reproduction.reproduce import nothing_ran, reproduce
from codec_bench.runs.directory import Run

from ..adapters.small_models import build


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")


@pytest.fixture(scope="module")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror in which Mimi's files are those of a small model: what it decodes is noise."""
    folder = tmp_path_factory.mktemp("small")
    build("mimi", folder / "mirror")
    return folder


@pytest.fixture
def small_mimi(small_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mimi can run, and what a test has coded is there for the next one."""
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(small_models / "mirror"))
    monkeypatch.setenv("CODEC_BENCH_HOME", str(small_models / "home"))


def asked(**options: Any) -> ReproduceConfig:
    """What is asked for besides the table, which tests hand over by itself."""
    return ReproduceConfig(table="another", **{"jobs": 1, "report": False} | options)


@pytest.fixture
def pairs(shared: Path) -> Path:
    """Real audio of systems of the papers, with the recordings (`GT`): 30 of the 500 utterances of test set B."""
    return shared / "data" / "testB_pairs"


def cells(result: Reproduction, row: str) -> dict[str, tuple[object, Agreement]]:
    return {cell.key: (cell.measured, cell.verdict) for cell in result.cells if cell.row == row}


def absences(result: Reproduction) -> dict[str, str]:
    return {absence.row: absence.reason for absence in result.absent}


@pytest.mark.slow
def test_llm_codec_measures_as_published(pairs: Path, tmp_path: Path) -> None:
    """Against the paper and somebody else's figures."""
    files = {"llm-codec": str(pairs / "LLM-Codec"), "EnCodec": str(pairs / "EnCodec")}
    metrics = ("gpe", "pesq_wb", "stoi", "secs")
    config = asked(files=files, dataset=str(pairs / "GT"), metrics=metrics, out=tmp_path / "run")
    result = reproduce(find_tables("longcat:table5")[0], config)

    published = {c.key: c.published for c in result.cells if c.row == "LLM-Codec"}
    assert {key: published[key] for key in ("pesq", "stoi", "secs", "gpe")} == {
        "pesq": 1.82, "stoi": 0.879, "secs": 0.919, "gpe": 1.86,
    }  # fmt: skip
    found = cells(result, "LLM-Codec")
    assert {key: verdict for key, (_, verdict) in found.items()} == {
        "wer": Agreement.NOT_RUN, "gpe": Agreement.WITHIN, "pesq": Agreement.WITHIN, "stoi": Agreement.WITHIN,
        "secs": Agreement.WITHIN,
    }  # fmt: skip
    independent = re.search(r"\| LLM-Codec \|(.*)\|", (pairs / "README.md").read_text(encoding="utf-8"))
    assert independent is not None
    pesq, _, stoi, _, secs, gpe = (float(cell) for cell in independent[1].split("|"))
    for key, value in {"pesq": pesq, "stoi": stoi, "secs": secs, "gpe": gpe}.items():
        assert found[key][0] == pytest.approx(value, abs=0.002)
    assert all(cell.inside_interval for cell in result.cells if cell.row == "LLM-Codec" and cell.measured is not None)
    assert all(cell.reason == "not in the table" for cell in result.cells if cell.row == "EnCodec" and cell.measured)
    assert any("ONLY A PART: 30 of the paper's 500" in note for note in result.notes)
    assert {c.n for c in result.measured} == {30}


@pytest.mark.long
def test_parts_and_replaced_data_are_said(pairs: Path, tmp_path: Path) -> None:
    files = {"LLM-Codec": str(pairs / "LLM-Codec")}
    config = asked(files=files, dataset=str(pairs / "GT"), metrics=("stoi",), limit=3, out=tmp_path / "run")
    result = reproduce(find_tables("longcat:table5")[0], config)
    assert any(note.startswith("DATA SET REPLACED") for note in result.notes)
    assert any(note.startswith("ONLY A PART: 3 of the paper's 500") for note in result.notes)
    assert {cell.n for cell in result.measured} == {3}
    assert cells(result, "Ground Truth Recording")["stoi"][1] is Agreement.WITHIN
    assert {cell.reason for cell in result.cells if cell.key == "gpe"} == {"left out by --metrics"}
    # The run directory is a run like any other, and the reproduction lies beside it.
    write(result, tmp_path / "run")
    assert api.load_run(tmp_path / "run").kind == "reconstruction"
    plain = json.loads((tmp_path / "run" / "reproduction.json").read_text(encoding="utf-8"))
    frame = pd.read_csv(tmp_path / "run" / "reproduction.csv")
    row = frame[(frame["row"] == "LLM-Codec") & (frame["column"] == "stoi")].iloc[0]
    assert row["published"] == 0.879
    assert row["difference"] == pytest.approx(row["measured"] - 0.879)
    assert len(plain["cells"]) == len(frame)
    assert {entry["row"] for entry in plain["not_run"]} == set(absences(result))


@pytest.mark.long
def test_reasons_of_rows_that_do_not_run(tmp_path: Path) -> None:
    config = asked(dataset="demo", metrics=("stoi",), out=tmp_path / "run", limit=2)
    found = absences(reproduce(find_tables("longcat:table5")[0], config))
    assert "env create facodec" in found["FACodec (with detail codes)"]
    assert "env create cosyvoice" in found["S3 Tokenizer (F = 50 Hz)"]
    assert "CODEC_BENCH_OFFLINE" in found["Mimi"]
    assert len(found) == 12  # all but the recordings
    quoted = absences(reproduce(find_tables("magicodec:table2")[0], config))
    assert "neither code nor weights" in quoted["TS3Codec"]


@pytest.mark.slow
def test_a_codec_of_the_table_runs_under_its_protocol(small_mimi: None, tmp_path: Path) -> None:
    config = asked(row=("mimi",), dataset="demo", metrics=("stoi", "pesq_wb"), out=tmp_path / "run", limit=2)
    result = reproduce(find_tables("longcat:table5")[0], config)
    (run,) = result.runs
    assert set(run.systems) == {"mimi@8"}
    assert set(run.metrics) == {"stoi", "pesq_wb"}
    stoi = run.summary[run.summary["metric"] == "stoi"].iloc[0]
    assert cells(result, "Mimi")["stoi"] == (stoi["value"], Agreement.OUTSIDE)  # noise is far from speech
    assert result.outside
    assert cells(result, "Mimi")["wer"][1] is Agreement.NOT_RUN


@pytest.mark.slow
def test_another_recogniser_is_measured_and_not_judged(pairs: Path, tmp_path: Path) -> None:
    config = asked(
        files={"LLM-Codec": str(pairs / "LLM-Codec")}, row=("LLM-Codec",), dataset=str(pairs / "GT"), metrics=("wer",),
        asr="pocketsphinx", text=pairs / "transcripts.tsv", limit=1, out=tmp_path / "run",
    )  # fmt: skip
    (cell,) = (c for c in reproduce(find_tables("longcat:5")[0], config).cells if c.key == "wer")
    assert (cell.metric, cell.verdict) == ("wer[pocketsphinx]", Agreement.UNJUDGED)
    assert cell.measured is not None
    assert "not the wer[nemo] of the paper" in cell.reason


@pytest.mark.long
@pytest.mark.slow
def test_sections_with_data_sets_of_their_own_run_on_one_that_is_named(small_mimi: None, tmp_path: Path) -> None:
    (table,) = find_tables("stable-codec:table7")
    config = asked(dataset="demo", metrics=("stoi",), out=tmp_path / "run", limit=1)
    result = reproduce(table, config)
    assert {cell.row for cell in result.measured} == {"Mimi (Italian)"}
    assert len(result.runs) == 1


@pytest.mark.parametrize(("table", "said"), [
    ("longcat:table1", "not published"), ("longcat:figure6", "in-house"), ("stable-codec:table4", "not published"),
    ("magicodec:table3", "codec-bench score"), ("stable-codec:table9", "codec-bench tokens --codec dac-16khz@4"),
    ("wavtokenizer:table4", "--task er,intent,digits --dataset er=ravdess"),
    ("wavtokenizer:table1", "libritts-test-clean is missing"),
])  # fmt: skip
def test_what_cannot_run_at_all_is_refused_with_the_next_step(table: str, said: str) -> None:
    result = reproduce(find_tables(table)[0], asked())
    assert result.measured == ()
    assert said in nothing_ran(result)
    assert "\n" not in nothing_ran(result)
    assert "## As published" in markdown(result)


def test_commands_name_each_task_and_data_set() -> None:
    (longcat,) = find_tables("longcat:table3")
    tasks = "--task asr,sid,sed,er --dataset asr=aishell-1,asr=librispeech-asr,sid=voxceleb1,sed=audioset,er=iemocap"
    assert commands(longcat) == [
        f"codec-bench probe --codec longcat {option} --augment {tasks}"
        for option in ("--codebooks 1", "--input hidden:26")
    ]
    (layers,) = commands(find_tables("longcat:table2")[0])
    assert layers == f"codec-bench probe --codec longcat --input hidden:2,6,10,14,18,22,26 --augment {tasks}"
    (arch,) = commands(find_tables("wavtokenizer:table4")[0])
    assert "--input latents --head arch --task er,intent,digits --dataset er=ravdess,intent=slurp,er=emovo," in arch
    (phones,) = commands(find_tables("magicodec:table4")[0])
    assert phones.endswith(",magicodec --head gpt2 --task phone --dataset librispeech-phones")
    assert commands(find_tables("stable-codec:table9")[0])[0].endswith("--dataset librispeech-train-clean-360")
    (speed,) = find_tables("stable-codec:table10")
    assert commands(speed)[0].endswith("--seconds 5,30,60")
    assert commands(find_tables("longcat:table5")[0]) == []


def test_wrong_requests(tmp_path: Path) -> None:
    (table,) = find_tables("longcat:table5")
    with pytest.raises(UsageError, match="LLM-Codec"):
        reproduce(table, asked(row=("LLM-Kodec",)))
    with pytest.raises(UsageError, match="kind tokens"):
        reproduce(find_tables("stable-codec:table9")[0], asked(files={"DAC": "x"}))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty"):
        reproduce(table, asked(files={"Mimi": str(tmp_path / "empty")}, dataset="demo", metrics=("stoi",)))
    with pytest.raises(UsageError, match=r"has no row 'LLM-Codc'; did you mean 'LLM-Codec'\? A system"):
        reproduce(table, asked(files={"LLM-Codc": str(tmp_path / "empty")}))
    assert table.nearest_row("LLM-Codec 2") is None  # another number is another system
    assert table.row_of("llm-codec") == "LLM-Codec"


def test_a_codec_with_its_files_runs_here(small_mimi: None) -> None:
    (table,) = find_tables("longcat:table5")
    states = [standing(table, row).state for row in table.rows]
    assert (len(states), states.count(State.HERE)) == (13, 2)  # the recordings and Mimi


def test_a_finished_run_of_tokens_stands_beside_its_table(small_mimi: None, tmp_path: Path) -> None:
    from codec_bench.token_statistics.command import TokensConfig, run_tokens

    config = TokensConfig(
        codec=("mimi@8",), dataset="demo", limit=1, lm=False, stability=0, map_method="none", out=tmp_path / "tokens"
    )
    run = run_tokens(config)
    (table,) = find_tables("stable-codec:table9")
    result = compare_runs(table, [run], table.rows)
    found = {cell.key: cell for cell in result.cells if cell.row == "Mimi"}
    books = pd.read_csv(tmp_path / "tokens" / "codebooks.csv").set_index("codebook")
    assert found["ne3"].measured == books.loc[3, "normalised_entropy"]
    assert found["ne3"].published == 0.90
    # The sum over codebooks of Huffman bits times rate, in bit/s as the paper has it.
    huffman = sum(row["huffman_bits"] * row["rate_hz"] for _, row in books.iterrows())
    assert found["huffman"].measured == pytest.approx(huffman, rel=0.02)
    assert len(result.absent) == 6


def renamed(run: Run, old: str, new: str) -> dict[str, Any]:
    """The plan of a run with a system of another name."""
    plan: dict[str, Any] = run.info["plan"]
    return plan | {"systems": [s | {"label": new} if s["label"] == old else s for s in plan["systems"]]}


@pytest.mark.long
def test_a_finished_reconstruction_stands_beside_its_table(small_mimi: None, tmp_path: Path) -> None:
    run = api.run("mimi@8", "demo", metrics=["stoi"], limit=1, out=tmp_path / "run", jobs=1, report=False)
    (table,) = find_tables("longcat:table5")
    result = compare_runs(table, [run], table.rows)
    (cell,) = (c for c in result.cells if c.row == "Mimi")
    assert cell.measured == run.summary.set_index(["system", "metric"]).loc[("mimi@8", "stoi"), "value"]
    assert (cell.verdict, cell.reason) == (Agreement.UNJUDGED, "on demo, not libritts-test-b")
    as_the_table_has_it = replace(run, info=run.info | {"plan": renamed(run, "mimi@8", "LLM-Codec")})
    as_the_table_has_it.__dict__["summary"] = run.summary.replace({"system": {"mimi@8": "LLM-Codec"}})
    (other,) = (c for c in compare_runs(table, [as_the_table_has_it], table.rows).cells if c.row == "LLM-Codec")
    assert other.measured == cell.measured
    slip = replace(run, info=run.info | {"plan": renamed(run, "mimi@8", "LLM-Codc")})
    slip.__dict__["summary"] = run.summary.replace({"system": {"mimi@8": "LLM-Codc"}})
    with pytest.raises(UsageError, match="has no row 'LLM-Codc'; did you mean 'LLM-Codec'"):
        compare_runs(table, [slip], [row for row in table.rows if row.name == "LLM-Codec"])
    with pytest.raises(UsageError, match="kind reconstruction"):
        compare_runs(find_tables("stable-codec:table9")[0], [run], table.rows)
    with pytest.raises(UsageError, match="none of the runs"):
        compare_runs(find_tables("wavtokenizer:table2")[0], [run], find_tables("wavtokenizer:table2")[0].rows[1:])
