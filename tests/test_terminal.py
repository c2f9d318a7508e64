"""What goes out to people: no escape of a name or a reason reaches a terminal, and what cannot be shown is replaced."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from codec_bench import terminal
from codec_bench.grids import Grid, escape
from codec_bench.records import Score, Status
from codec_bench.terminal import Outlet, outlets, shown

ESCAPES = [
    "\x1b[31m", "\x1b[2J", "\x1b[?25l", "\x1b]0;title\x07", "\x1b]8;;http://evil\x1b\\", "\x1b]52;c;aGk=\x07", "\x1bc",
    "\x1b(0", "\x1bP+q\x1b\\", "\x9b31m", "\x9d0;title\x9c", "\r", "\x08", "\x07", "\x00", "\x7f", "\x85", "\u202e",
    "\u2066",
]  # fmt: skip


@pytest.mark.parametrize("hostile", ESCAPES, ids=ascii)
def test_escapes_are_stripped_wherever_a_text_goes_out(hostile: str):
    name = f"a{hostile}b"
    assert shown(name) == "ab"
    assert escape(name) == "ab"
    assert Score.failed(Status.ERROR, name).reason == "ab"
    grid = Grid(("system",), [(name,)])
    assert "ab" in printed_plain(grid.tsv())
    assert "ab" in printed_by_rich(grid)
    for text in (printed_plain(grid.tsv()), printed_by_rich(grid), printed_by_rich(Text(name))):
        assert shown(text) == text


def printed_plain(text: str) -> str:
    stream = io.StringIO()
    Outlet(stream).write(text)
    return stream.getvalue()


def printed_by_rich(what: Grid | Text) -> str:
    stream = io.StringIO()
    before, sys.stdout = sys.stdout, stream
    try:
        terminal.console().print(what.table() if isinstance(what, Grid) else what)
    finally:
        sys.stdout = before
    return stream.getvalue()


@pytest.mark.parametrize("text", ["plain", "naïve – 日本語 ↓", "a\tb\nc", "50 % [bold]", "e\u0301"])
def test_other_texts_stay(text: str):
    assert shown(text) == text


def test_rows_for_programs_have_one_line_and_their_cells(capsys: pytest.CaptureFixture[str]):
    Grid(("a", "b"), [("x\ty", "z\n=1")]).print()
    assert capsys.readouterr().out == "a\tb\nx y\tz =1\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
def test_what_an_encoding_lacks_is_replaced(encoding: str):
    binary = io.BytesIO()
    out = Outlet(io.TextIOWrapper(binary, encoding=encoding))
    out.write("gpe ↓ 日 \udcff.\n")
    out.flush()
    text = binary.getvalue().decode(encoding)
    assert text.startswith("gpe ")
    assert text.endswith(" ?.\n")


def test_the_streams_are_given_back():
    before = sys.stdout, sys.stderr
    with pytest.raises(SystemExit), outlets():
        assert isinstance(sys.stdout, Outlet)
        assert sys.stdout.isatty() is before[0].isatty()
        raise SystemExit(3)
    assert (sys.stdout, sys.stderr) == before


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    words = [sys.executable, "-m", "codec_bench", *arguments]
    return subprocess.run(words, stderr=subprocess.PIPE, check=False, **options)


def test_a_command_survives_an_output_of_ascii():
    done = command("list", "metrics", stdout=subprocess.PIPE, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    done.stdout.decode("ascii")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it is Linux's")
def test_an_output_that_cannot_be_written_is_one_line():
    with Path("/dev/full").open("wb") as full:
        done = command("list", "metrics", stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"codec-bench: standard output cannot be written: No space left on device\n"


def test_an_error_that_names_an_escape_is_clean():
    done = command("report", "no\x1b[31msuch\udcffrun", stdout=subprocess.PIPE)
    assert done.returncode == 2
    assert b"\x1b" not in done.stderr
    assert done.stderr.count(b"\n") == 1
