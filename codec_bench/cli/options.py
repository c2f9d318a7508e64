"""Options that several commands share, and how they become a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Metrics = Annotated[str | None, typer.Option(help="default, all, headline, or NAME[,NAME...]; see `list metrics`.")]
Limit = Annotated[int | None, typer.Option(help="Only the first N utterances.")]
Jobs = Annotated[int | None, typer.Option(help="Scoring processes; all cores by default.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:1.")]
Asr = Annotated[str | None, typer.Option(help="Recogniser for wer and cer: BACKEND[:MODEL].")]
Normaliser = Annotated[str | None, typer.Option(help="Of transcripts: basic, whisper-english, librispeech, chinese.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the bootstrap and of what conditions draw.")]
Bands = Annotated[str | None, typer.Option(help="Edges of the bitrate groups in kbit/s, falling: 2,0.85,0.65.")]
Text = Annotated[Path | None, typer.Option(help="TSV with transcripts: columns id and text.")]
Out = Annotated[Path | None, typer.Option(help="Run directory; runs/<date>-<codecs>-<dataset> by default.")]
MaxFailed = Annotated[float | None, typer.Option(help="Share of utterances that may fail; 0.05 by default.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds to code or to score an utterance; 600 by default.")]
KeepAudio = Annotated[bool | None, typer.Option("--keep-audio", help="Keep decoded audio and tokens in --out.")]
NoReport = Annotated[bool, typer.Option("--no-report", help="Write table.md only: no plots, no report.html.")]
NoGroundTruth = Annotated[bool, typer.Option("--no-ground-truth", help="Leave out the row of the recordings.")]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON instead of the table.")]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given on the command line, so that those of a configuration file are not overwritten."""
    return {name: value for name, value in options.items() if value is not None}
