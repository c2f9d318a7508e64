r"""LaTeX of a table, compiled with a real pdfLaTeX and nothing but booktabs."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from codec_bench.reports.formats.latex import PAGE_WIDTH, latex
from codec_bench.reports.formats.tex import escape
from codec_bench.reports.table import Table, build_table
from codec_bench.runs.directory import load_run

from ..conftest import ROOT
from .test_table import make_run, row

NAMES = [
    "under_score", "50%", "a&b", "#1", "$x$", "{braces}", "til~de", "hat^2", r"back\slash", r"\input{secret}", "[opt]",
    "*star", "a--b---c", "<tag>", "bar|bar", "'quotes' \"and\" `ticks`", "?`!`", "Größe-été-ñ-Łódź-č", "模型@3", "x\ny",
]  # fmt: skip

PLAIN = [name for name in NAMES[:15] if not set(name) & set("_~^")]
"""What a PDF of plain LaTeX holds as text: it draws an underscore as a line, a tilde and a circumflex as accents."""


class Compiled(NamedTuple):
    log: str
    text: str | None
    """Of the PDF, where pdftotext is installed."""
    pages: int


def compiled(tables: Sequence[Table], folder: Path, **options: bool) -> Compiled:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("pdflatex is not installed")
    (folder / "table.tex").write_text(latex(tables, **options), encoding="utf-8")
    (folder / "paper.tex").write_text(
        "\\documentclass[twocolumn]{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
        "\\typeout{WIDTH \\the\\textwidth}\\input{table}\n\\end{document}\n"
    )
    done = subprocess.run(
        [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper"],
        check=False, cwd=folder, capture_output=True, timeout=100,
    )  # fmt: skip
    log = (folder / "paper.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, re.findall(r"^!.*(?:\n.*){3}", log, re.MULTILINE)
    text = None
    if (reader := shutil.which("pdftotext")) is not None:
        text = subprocess.run(
            [reader, "-layout", "paper.pdf", "-"], check=True, cwd=folder, capture_output=True, text=True
        ).stdout
    pages = re.search(r"Output written on paper\.pdf \((\d+) page", log)
    assert pages is not None
    return Compiled(log, text, int(pages[1]))


def complaints(log: str) -> list[str]:
    """Lines that are too wide for the page, floats that are too long for it, signs without a glyph, warnings."""
    wide = [m[0] for m in re.finditer(r"Overfull \\hbox \(([\d.]+)pt too wide\)", log) if float(m[1]) > 1]
    return wide + re.findall(r"Float too large.*|Missing character.*|Overfull \\vbox.*|LaTeX Warning: .*", log)


def test_names_from_users_stay_text(tmp_path: Path):
    rows = [row(name, "stoi", 3, 0.9 - i / 100) for i, name in enumerate(NAMES)]
    run = make_run(tmp_path, rows, {}, name="data_set & 100% {x}")
    done = compiled([build_table(run)], tmp_path)
    assert complaints(done.log) == []
    captions = (tmp_path / "paper.aux").read_text()
    assert r"data\_set \& 100\% \{x\}: 500 utterances" in captions
    if done.text is not None:
        for name in PLAIN:
            assert name in done.text


def test_a_whole_run_compiles_on_few_pages(tmp_path: Path):
    run = load_run(ROOT / "tests" / "runs" / "data" / "schema_1")
    done = compiled([build_table(run)], tmp_path, efficiency=True)
    assert complaints(done.log) == []
    assert done.pages <= 3
    captions = re.findall(r"contentsline \{table\}\{\\numberline \{(\d)\}\{\\ignorespaces (.*?)\. demo", aux(tmp_path))
    assert captions == [("1", "Efficiency"), ("2", "Main metrics"), ("3", "Spectral")]


def aux(folder: Path) -> str:
    return (folder / "paper.aux").read_text()


def test_what_a_table_says(tmp_path: Path):
    rows = [row(s, "wer[pocketsphinx]", 3, v) for s, v in (("a", 2.104), ("b", 1.5), ("c", 3.0))]
    rows += [row("d", "wer[pocketsphinx]", 0.7, 4.0, n=120)]
    text = latex([build_table(make_run(tmp_path, rows, {}))])
    lines = text.splitlines()
    assert lines.count(r"\toprule") == lines.count(r"\bottomrule") == 1
    assert lines.count(r"\midrule") == 2  # one per bitrate group
    assert r"\multicolumn{4}{@{}l@{}}{\itshape 2-4 kbps, semantic} \\" in lines
    assert r"b & 3.00 & 16.67 & \textbf{1.50} {\scriptsize $\pm$0.05} \\" in lines
    assert r"a & 3.00 & 16.67 & 2.10 {\scriptsize $\pm$0.05} \\" in lines
    assert r"d & 0.70 & 16.67 & 4.00 {\scriptsize $\pm$0.05} {\scriptsize(120)} \\" in lines
    assert r"\shortstack[r]{WER \\ {\scriptsize pocketsphinx} \\ {\scriptsize $\downarrow$}}" in text
    assert "resampler: soxr HQ; codec-bench 0" in text
    assert "$\\pm$" not in latex([build_table(make_run(tmp_path, rows, {}))], intervals=False)


def test_what_is_wider_or_longer_than_a_page_is_split(tmp_path: Path):
    metrics = ["wer[nemo:stt_en_fastconformer_transducer_large]", "gpe", "pesq_wb", "stoi"]
    metrics += [f"stoi[variant {i}]" for i in range(12)]
    rows = [row(f"a-codec-with-a-long-name@{i}", m, 8 - i / 10, i / 7) for i in range(70) for m in metrics]
    table = build_table(make_run(tmp_path, rows, {}))
    done = compiled([table], tmp_path)
    assert re.search(r"WIDTH ([\d.]+)pt", done.log)[1] == f"{PAGE_WIDTH}"  # type: ignore[index]
    assert complaints(done.log) == []
    text = (tmp_path / "table.tex").read_text()
    assert "a-codec-with-a-long-name@69 &" in text
    for metric in metrics[1:4]:
        assert metric.upper().replace("_", r"\_") in text
    assert "(continued)" in text
    # The variant that is too long for a heading has a letter, which is explained below each part.
    assert r"\shortstack[r]{WER$^a$ \\ " in text
    assert r"$^a$ nemo:stt\_en\_fastconformer\_transducer\_large" in text
    each = text.count(r"\begin{table*}")
    assert each == text.count("resampler: soxr HQ; codec-bench 0") > 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b", r"a\_b"),
        ("\\", r"\textbackslash{}"),
        ("----", "-{}-{}-{}-"),
        ("ï", r"\"{\i{}}"),
        ("ç", r"\c{c}"),
        ("\x00", r"{\scriptsize U+0000}"),
    ],
)
def test_escapes(text: str, expected: str):
    assert escape(text) == expected
