"""One grid, printed three ways; what looks like markup in a text is text in all of them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from codec_bench.grids import Grid, Marked

GRID = Grid(
    ("system", "STOI[a_b] ↑", "note"),
    [[Marked("low, [red]", "dim italic", "*{}*")], ["my_codec|x", Marked("0.91", "bold", "**{}**"), "a\nb {}"]],
    "Scores [1]",
    right=(1,),
    whole=(0,),
)


def test_markdown_shows_texts_as_they_are():
    assert GRID.markdown() == (
        "| system | STOI[a_b] ↑ | note |\n"
        "| --- | ---: | --- |\n"
        "| *low, \\[red\\]* |  |  |\n"
        "| my\\_codec\\|x | **0.91** | a b {} |\n"
    )


def test_programs_get_one_line_per_row():
    rows = [{"name": "opus", "MB": 3}, {"name": "lyra", "MB": None}]
    assert Grid.of(rows).tsv() == "name\tMB\nopus\t3\nlyra\tNone\n"


@pytest.mark.parametrize("width", [80, 24])
def test_a_terminal_shows_brackets_and_breaks_no_name(width: int):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="standard")
    console.print(GRID.table())
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    text = "\n".join(lines)
    assert "Scores [1]" in text and "low, [red]" in text and "my_codec|x" in text
    assert "\x1b[1m" in text.split("my_codec|x")[1]  # bold


def test_without_a_terminal_the_grid_is_for_programs_or_markdown(capsys: pytest.CaptureFixture[str]):
    GRID.print()
    assert capsys.readouterr().out == GRID.tsv()
    GRID.print(as_markdown=True)
    assert capsys.readouterr().out == f"\n### Scores \\[1\\]\n\n{GRID.markdown()}"
