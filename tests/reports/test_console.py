"""What a terminal shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.console import Console

from codec_bench import terminal
from codec_bench.reports.console import print_table
from codec_bench.reports.table import build_table

from .test_table import make_run, row


def shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, run_folder: Path, is_terminal: bool
) -> str:
    rows = [row("[red]a[/red]", "wer[pocketsphinx]", 3.0, 1.0), row("b", "wer[pocketsphinx]", 3.0, 2.0)]
    table = build_table(make_run(run_folder, rows, {}))
    monkeypatch.setattr(terminal, "console", lambda: Console(force_terminal=is_terminal, width=120))
    print_table(table)
    return capsys.readouterr().out


def test_brackets_are_text_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    text = shown(capsys, monkeypatch, tmp_path, is_terminal=True)
    assert "WER[pocketsphinx]" in text
    assert "[red]a[/red]" in text
    assert re.search(r"\x1b\[1m *1\.00 ±0\.05\x1b\[0m", text)  # bold
    assert "2.00 ±0.05" in text
    assert "\x1b[4m" not in text  # nothing is underlined


def test_a_pipe_gets_markdown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    text = shown(capsys, monkeypatch, tmp_path, is_terminal=False)
    assert "| b | 3.00 |" in text
    assert "\x1b" not in text
