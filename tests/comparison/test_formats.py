"""What is written for people, pull requests, CI systems and programs."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from rich.console import Console

from codec_bench.comparison import Comparison, compare
from codec_bench.comparison.as_json import as_json
from codec_bench.comparison.console import print_comparison
from codec_bench.comparison.gate import Gate, Settings
from codec_bench.comparison.junit import junit
from codec_bench.comparison.markdown import escape, markdown
from codec_bench.comparison.wording import explanations, headline, signed

from .conftest import Make

PESQ = 2 + np.random.default_rng(0).normal(0, 0.3, 40)
NOISE = np.random.default_rng(1).normal(0, 0.05, 40)
EVIL = "a|<img src=x>`*\x07"


@pytest.fixture
def mixed(make: Make) -> Comparison:
    """A regression, a pass, an undecided required metric and one that is not required; two systems."""
    wer = [(1, 10), (3, 10)] * 20
    before = {"pesq_wb": PESQ, "mcd": PESQ, "wer[a]": wer}
    after = {"pesq_wb": PESQ - 0.2 + NOISE, "mcd": PESQ + 20 * (NOISE - NOISE.mean()), "wer[a]": wer[::-1]}
    return compare(make({"x": before, EVIL: before}), make({"x": after, EVIL: before}))


def cells(line: str) -> list[str]:
    """Cells of a Markdown row; an escaped bar separates nothing."""
    return [c.replace("\0", "\\|").strip() for c in line.replace("\\|", "\0").strip("|").split("|")]


def test_junit_is_read_by_another_reader_and_counts_right(mixed: Comparison):
    document = junit(mixed)
    read = JUnitXml.fromstring(document)
    assert (read.tests, read.failures, read.errors) == (6, 1, 1)
    (suite,) = list(read)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (6, 1, 1, 1)
    results = {(c.classname, c.name): [type(r) for r in c.result] for c in suite}
    assert results["x", "pesq_wb"] == [Failure]
    assert results["x", "mcd"] == [Error]
    assert results["x", "wer[a]"] == [Skipped]
    assert results["a|<img src=x>`*?", "pesq_wb"] == []
    (failure,) = next(c for c in suite if (c.classname, c.name) == ("x", "pesq_wb")).result
    assert failure.message.startswith("1.982 → 1.782, −0.200 [")
    assert failure.type == "regression"
    assert failure.text.count("u0") == 5
    read.update_statistics()
    assert (read.tests, read.failures, read.errors, read.skipped) == (6, 1, 1, 1)
    assert ElementTree.fromstring(document).tag == "testsuites"


def test_junit_without_a_limit_is_an_error_and_not_an_empty_success(make: Make):
    run = make({"x": {"pesq_wb": PESQ}})
    found = compare(run, run, Gate(Settings(defaults=False)))
    read = JUnitXml.fromstring(junit(found))
    assert (read.tests, read.errors) == (1, 1)


def test_markdown_has_a_row_per_result_and_text_stays_text(mixed: Comparison):
    text = markdown(mixed)
    assert text.startswith("## codec-bench: Regression: 1 of 6 limits broken, 3 kept, 1 cannot be decided, 1 not req")
    start = text.index("| system")
    table = [cells(line) for line in text[start:].split("\n\n", maxsplit=1)[0].splitlines()]
    assert {len(row) for row in table} == {9}
    assert len(table) == 2 + 6
    first = dict(zip(table[0], table[2], strict=True))
    assert (first["metric"], first["verdict"], first["n"]) == ("PESQ-wb MOS-LQO", "**REGRESSION**", "40 of 40")
    assert "<img" not in text
    assert "a\\|&lt;img src=x&gt;\\`\\*" in text
    assert "\x07" not in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert text.count("| u0") == 5


def test_names_cannot_call_people_or_link_in_a_comment():
    assert escape("@someone opus@6000") == "@<!-- -->someone opus@6000"
    assert "https://" not in escape("https://evil.example")
    assert "www." not in escape("www.evil.example")
    assert escape("[x](javascript:y)") == "\\[x\\](javascript:y)"
    assert escape("</summary>", html=True) == "&lt;/summary&gt;"
    assert "\n" not in escape("a\n\n# b")


def test_json_is_strict_and_complete(mixed: Comparison):
    plain = json.loads(json.dumps(as_json(mixed), allow_nan=False))
    assert (plain["verdict"], plain["exit_code"], plain["tests"]) == ("regression", 1, 6)
    worst = next(r for r in plain["results"] if r["verdict"] == "regression")
    assert worst["metric"] == "pesq_wb"
    assert worst["paired"]["n"] == worst["n_expected"] == 40
    assert worst["paired"]["low"] < worst["paired"]["difference"] < worst["paired"]["high"] < 0
    assert worst["limit"]["threshold"] == 0.03
    assert [u["utterance"][0] for u in worst["worst"]] == ["u"] * 5


def test_a_terminal_shows_names_with_brackets_and_ends_with_the_verdict(mixed: Comparison):
    console = Console(file=io.StringIO(), force_terminal=True, width=200, color_system=None)
    print_comparison(mixed, console)
    shown = console.file.getvalue()
    assert "WER[a] %" in shown
    assert shown.rstrip().splitlines()[-1].startswith("Regression: 1 of 6 limits broken")


def test_a_pipe_gets_plain_text_without_escapes_or_broken_lines(mixed: Comparison, capsys: pytest.CaptureFixture[str]):
    print_comparison(mixed)
    shown = capsys.readouterr().out
    assert "| ---" not in shown and "\\|" not in shown and "\x1b" not in shown
    assert len([line for line in shown.splitlines() if "REGRESSION" in line]) == 1
    assert shown.rstrip().splitlines()[-1].startswith("Regression: 1 of 6 limits broken")


def test_equal_reasons_are_said_once(make: Make):
    run = make({f"c{i}": {"pesq_wb": [2.0] * 3, "mcd": [2.0] * 3} for i in range(9)})
    found = compare(run, run)
    assert explanations(found) == [
        "pesq_wb, mcd: too few utterances: 3 scored in both, at least 20 are needed; repeat both runs with more of them"
    ]
    assert headline(found) == "Needs more data: 0 kept, 18 cannot be decided."


def test_numbers_keep_their_sign():
    assert [signed(x, 2) for x in (0.031, -0.031, -0.001, 0.0)] == ["+0.03", "−0.03", "0.00", "0.00"]
