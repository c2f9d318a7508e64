"""The grouped table, on the published figures of the LongCat paper's table 5."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.adapters.systems import System, parse_systems
from codec_bench.coding.rows import Row as PlannedRow
from codec_bench.coding.rows import describe_system
from codec_bench.options import PAPER_BANDS
from codec_bench.reports.formats.markdown import markdown
from codec_bench.reports.table import Table, build_table
from codec_bench.runs.directory import Run
from codec_bench.testing.codecs import Identity
from codec_bench.tokens import Codebook

METRICS = {"wer": ("lower", 2), "gpe": ("lower", 2), "pesq_wb": ("higher", 2), "stoi": ("higher", 3)}

# system: kbps, WER, GPE, PESQ, STOI; None if the paper has a dash
PUBLISHED: dict[str, tuple[float | None, ...]] = {
    "ground-truth": (None, 1.16, 0.00, 4.50, 1.000),
    "facodec": (4.80, 1.37, 1.02, 2.91, 0.954),
    "x-codec": (4.00, 1.27, 1.49, 2.82, 0.905),
    "speechtokenizer": (4.00, 1.47, 1.20, 2.60, 0.930),
    "mimi": (1.10, 2.44, 1.68, 2.27, 0.917),
    "llm-codec": (0.85, 6.25, 1.86, 1.82, 0.879),
    "longcat@4": (13 * 4 / 0.06 / 1000, 1.48, 1.65, 2.30, 0.921),
    "semanticodec": (0.70, 3.44, 2.28, 1.75, 0.866),
    "longcat@3": (13 * 3 / 0.06 / 1000, 1.70, 1.86, 2.01, 0.900),
    "s3tokenizer": (0.60, 2.12, None, None, 0.673),
    "lscodec": (0.45, 3.33, None, None, 0.688),
    "longcat@2": (13 * 2 / 0.06 / 1000, 2.10, 3.69, 1.47, 0.839),
}


def make_run(folder: Path, rows: list[dict[str, Any]], groups: dict[str, str], **data: Any) -> Run:
    """A run directory with a given summary."""
    summary = pd.DataFrame(rows)
    summary.to_csv(folder / "summary.csv", index=False)
    labels = list(dict.fromkeys(summary.metric))
    info = {
        "kind": "reconstruction",
        "plan": {
            "dataset": {
                "name": "set", "utterances": 500, "speakers": 37, "synthetic": False, "manifest_sha256": "a" * 64,
            } | data,
            "systems": [
                {"label": s, "system": s, "group": groups.get(s, "semantic"), "fingerprint": f"made of {s}"}
                for s in dict.fromkeys(summary.system)
            ],
            "metrics": [
                {
                    "label": m, "name": name, "title": name.upper(), "unit": "", "better": METRICS[name][0],
                    "digits": METRICS[name][1], "family": "quality", "note": "", "fingerprint": f"definition of {m}",
                }
                for m in labels
                for name in [m.partition("[")[0]]
            ],
            "seed": 0,
        },
        "intervals": {"method": "t", "level": 0.95, "unit": "speakers", "clusters": 37, "effective": 30.2},
        "coverage": {"statuses": {m: {"ok": 500} for m in labels}, "failures": []},
        "provenance": {"codec_bench": "0", "resampler": "soxr HQ"},
    }  # fmt: skip
    return Run(folder, info)


def row(system: str, metric: str, kbps: float | None, value: float | None, n: int = 500) -> dict[str, Any]:
    low, high, n = (None, None, 0) if value is None else (value - 0.05, value + 0.05, n)
    return {
        "system": system, "group": "", "bitrate_kbps": kbps, "frame_rate_hz": 50 / 3, "metric": metric, "value": value,
        "ci_low": low, "ci_high": high, "n": n, "n_expected": 500, "bitrate_source": "computed" if kbps else "",
    }  # fmt: skip


@pytest.fixture
def published(tmp_path: Path) -> Run:
    rows = [
        row(system, metric, values[0], value)
        for system, values in PUBLISHED.items()
        for metric, value in zip(METRICS, values[1:], strict=True)
    ]
    return make_run(tmp_path, rows, {"ground-truth": "reference"})


def best(table: Table, metric: str) -> set[str]:
    return {r.label for r in table.rows if r.cells[metric].is_best}


def test_systems_fall_into_the_papers_groups(published: Run):
    sections = {s.title: [r.label for r in s.rows] for s in build_table(published, PAPER_BANDS).sections}
    assert sections == {
        "reference": ["ground-truth"],
        "> 2 kbps, semantic": ["facodec", "speechtokenizer", "x-codec"],
        "0.85-2 kbps, semantic": ["mimi", "longcat@4", "llm-codec"],
        "0.65-0.85 kbps, semantic": ["semanticodec", "longcat@3"],
        "< 0.65 kbps, semantic": ["s3tokenizer", "lscodec", "longcat@2"],
    }


def test_by_default_what_lies_above_2_kbps_has_groups_of_its_own(published: Run):
    titles = [s.title for s in build_table(published).sections]
    assert titles[1:4] == ["4-8 kbps, semantic", "2-4 kbps, semantic", "0.85-2 kbps, semantic"]


def test_the_best_is_marked_in_each_group_by_direction(published: Run):
    table = build_table(published, PAPER_BANDS)
    assert best(table, "wer") == {"x-codec", "longcat@4", "longcat@3", "longcat@2"}
    assert best(table, "pesq_wb") >= {"facodec"}
    assert best(table, "gpe") >= {"longcat@2"}
    assert "s3tokenizer" not in best(table, "gpe")


def test_groups_of_codecs_are_kept_apart(tmp_path: Path):
    rows = [row(s, "stoi", 0.9, v) for s, v in (("a", 0.9), ("b", 0.8), ("c", 0.7))]
    table = build_table(make_run(tmp_path, rows, {"a": "semantic", "b": "acoustic", "c": "classic"}))
    assert [s.title for s in table.sections] == [f"0.85-2 kbps, {g}" for g in ("semantic", "acoustic", "classic")]
    assert best(table, "stoi") == set()  # nothing to compare within a group of one


def test_equal_printed_values_share_a_mark(tmp_path: Path):
    rows = [row(s, "stoi", 3, v) for s, v in (("a", 0.90001), ("b", 0.90002), ("c", 0.8), ("d", 0.7))]
    assert best(build_table(make_run(tmp_path, rows, {})), "stoi") == {"a", "b"}


def test_a_value_over_few_utterances_says_so_and_wins_nothing(tmp_path: Path):
    rows = [row("a", "wer", 3, 1.0, n=100), row("b", "wer", 3, 2.0), row("c", "wer", 3, 3.0)]
    table = build_table(make_run(tmp_path, rows, {}))
    assert best(table, "wer") == {"b"}
    assert "| 1.00 ±0.05 (100) |" in markdown(table)
    note = "A figure in round brackets is the number of utterances with a value where it is not all of them."
    assert note in table.footnotes
    assert note not in build_table(make_run(tmp_path, rows[1:], {})).footnotes


def test_percentages_and_lopsided_intervals_are_printed_by_their_ends(tmp_path: Path):
    rows = [row("a", "wer", 3, 0.0), row("b", "wer", 3, 40.0), row("a", "stoi", 3, 0.9), row("b", "stoi", 3, 0.8)]
    rows += [row("a", "pesq_wb", 3, 4.0), row("b", "pesq_wb", 3, 1.8)]
    rows[0] |= {"ci_low": 0.0, "ci_high": 1.23}
    rows[2] |= {"ci_low": 0.85, "ci_high": 0.92}
    run = make_run(tmp_path, rows, {})
    run.metrics["wer"]["unit"] = "%"
    text = markdown(build_table(run))
    assert "| a | 3.00 | 16.67 | **0.00 [0.00, 1.23]** | **4.00 ±0.05** | **0.900 [0.850, 0.920]** |" in text
    # A column has one form: symmetric intervals too are printed by their ends where others are not.
    assert "| b | 3.00 | 16.67 | 40.00 [39.95, 40.05] | 1.80 ±0.05 | 0.800 [0.750, 0.850] |" in text


def test_bands_can_be_chosen(published: Run):
    titles = [s.title for s in build_table(published, [1.0]).sections]
    assert titles == ["reference", "> 1 kbps, semantic", "< 1 kbps, semantic"]
    assert [s.title for s in build_table(published, []).sections][1] == "all bitrates, semantic"


def test_markdown_is_a_table_with_marks_and_footnotes(published: Run):
    text = markdown(build_table(published))
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {len(METRICS) + 4}
    assert re.search(r"\| longcat@4 \| 0\.87 \| 16\.67 \| \*\*1\.48 ±0\.05\*\* \|", text)
    assert "| 2.44 ±0.05 |" in text
    assert "<u>" not in text
    assert "- 95 % intervals: t over 37 speakers, which tell as much as 30.2 of equal size.\n" in text
    bare = markdown(build_table(published), intervals=False)
    assert "**1.48**" in bare
    assert "±" not in bare
    assert "intervals" not in bare  # nor their explanation


def test_synthetic_speech_is_labelled_and_names_cannot_break_the_markdown(tmp_path: Path):
    rows = [row("a|b<script>*x*", "stoi", 3, 0.9)]
    text = markdown(build_table(make_run(tmp_path, rows, {}, name="<img src=x>", synthetic=True)))
    assert "SYNTHETIC SPEECH" in text
    assert "<script>" not in text
    assert "<img" not in text
    assert r"a\|b&lt;script&gt;\*x\*" in text


def test_what_a_system_costs_is_a_block_on_request(tmp_path: Path):
    run = make_run(tmp_path, [row("mimi@8", "stoi", 1.1, 0.9)], {})
    run.systems["mimi@8"] |= {
        "codebooks": 8, "codebooks_used": 8, "tokens_per_second": 100.0, "parameters": 79_300_000, "causal": True,
        "streaming": False,
    }  # fmt: skip
    table = build_table(run)
    assert "tokens/s" not in markdown(table)
    lines = markdown(table, efficiency=True).splitlines()
    at = lines.index("### Efficiency")
    assert lines[at + 2] == "| system | kbps | Hz | tokens/s | codebooks | parameters | causal | streaming |"
    assert lines[at + 5] == "| mimi@8 | 1.10 | 16.67 | 100 | 8 | 79.3 M | yes | no |"


def test_a_column_without_direction_has_no_best(tmp_path: Path):
    run = make_run(tmp_path, [row(s, "stoi", 3, v) for s, v in (("a", 0.9), ("b", 0.8))], {})
    run.metrics["stoi"]["better"] = ""
    table = build_table(run)
    assert best(table, "stoi") == set()
    assert table.columns[0].heading == "STOI"
    assert "Bold" not in markdown(table)


def test_the_footnotes_say_what_the_numbers_were_made_with(tmp_path: Path):
    rows = [row("bicodec", m, 0.65, 1.0) for m in ("wer[nemo:stt_en]", "gpe", "pesq_wb")]
    run = make_run(tmp_path, rows, {}, title="a set for tests")
    run.info["provenance"].update(python="3.11.7", git={"commit": "0123456789abcdef", "dirty": False})
    run.metrics["wer[nemo:stt_en]"] |= {"uses": {"transcribe": "nemo:stt_en", "normalise": "whisper-english"}}
    run.metrics["gpe"] |= {"uses": {"track": "f0/praat"}, "packages": {"praat-parselmouth": "0.4.7"}}
    run.metrics["pesq_wb"] |= {"packages": {"pesq": "0.0.4"}, "licence": "CC BY-NC-SA 4.0"}
    run.systems["bicodec"] |= {"weights": {"m/model.pt": "f" * 64}, "licence": "MIT", "weights_licence": "CC-BY-NC-4.0"}
    assert build_table(run).setup == (
        "Data set: set (a set for tests); ASR: nemo:stt_en; text normaliser: whisper-english; pitch tracker: praat; "
        "resampler: soxr HQ; codec-bench 0 (commit 0123456789ab), Python 3.11.7, pesq 0.0.4, praat-parselmouth 0.4.7; "
        "weights whose licence limits their use: bicodec (CC-BY-NC-4.0), pesq_wb (CC BY-NC-SA 4.0)."
    )
    assert build_table(run).footnotes[-1] == build_table(run).setup


def test_a_failed_run_says_so(tmp_path: Path):
    run = make_run(tmp_path, [row("a", "stoi", 3, 0.9, n=300)], {})
    run.info["coverage"]["failures"] = ["a: 200 of 500 utterances failed, first u1 (crashed: it hung)"]
    run.info["coverage"]["statuses"]["stoi"] = {"ok": 300, "crashed": 200}
    text = markdown(build_table(run))
    assert "The run counts as failed: a: 200 of 500 utterances failed" in text
    assert "Not scored (over all systems): stoi: 200 × crashed." in text


def test_tokens_per_second_are_summed_over_codebooks_of_different_rates():
    class ThreeRates(Identity):
        name = "three-rates"

        @classmethod
        def mode_spec(cls, mode: str | None) -> CodecSpec:
            books = tuple(Codebook(4096, hop) for hop in (2048, 1024, 512))
            return CodecSpec("Three rates", Group.ACOUSTIC, 24_000, 24_000, books)

    described = [describe_system(PlannedRow(System("x", ThreeRates(), count))) for count in (None, 3, 2)]
    # SNAC's 24 kHz model: 24000 / 2048 + 24000 / 1024 + 24000 / 512
    assert [d["tokens_per_second"] for d in described] == [82.03125, 82.03125, 35.15625]
    assert [d["codebooks_used"] for d in described] == [3, 3, 2]
    assert describe_system(PlannedRow(parse_systems(["codec2@1200"])[0]))["tokens_per_second"] is None
