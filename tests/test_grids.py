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


def test_a_narrow_terminal_has_numbers_whole_in_several_parts_and_a_wide_one_in_one():
    rows = [["one-very-long-name-of-a-system@24000+noise@10", *(f"{n}.123 ±0.456" for n in range(9))]]
    grid = Grid(("system", *(f"Metric-{n} MOS ↑" for n in range(9))), rows, "All", right=range(1, 10), whole=(0,))
    assert grid.fitted(240) == [grid]
    console = Console(file=io.StringIO(), width=60)
    grid.print_on(console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 60
    text = "\n".join(lines)
    assert [n for n in range(9) if f"{n}.123 ±0.456" not in text] == []
    assert text.count("All (continued)") == len(grid.fitted(60)) - 1 > 1


def test_lines_are_cut_at_the_end_of_the_terminal():
    grid = Grid.of([{"codec": "opus", "why": "中文 " * 20}, {"codec": "lyra2", "why": "short"}])
    assert grid.lines(20) == f"opus   {'中文 中文 中'}…\nlyra2  short\n"


def test_without_a_terminal_the_grid_is_for_programs_or_markdown(capsys: pytest.CaptureFixture[str]):
    GRID.print()
    assert capsys.readouterr().out == GRID.tsv()
    GRID.print(as_markdown=True)
    assert capsys.readouterr().out == f"\n### Scores \\[1\\]\n\n{GRID.markdown()}"
