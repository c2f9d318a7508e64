"""`codec-bench export`: a run as a listening test for webMUSHRA."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from codec_bench.listening_tests.export import Exported

export = typer.Typer(
    help="Make a listening test for webMUSHRA from a run that kept its audio.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

RunFolder = Annotated[Path, typer.Argument(help="A run made with --keep-audio.")]
TestFolder = Annotated[Path, typer.Option(help="New folder for the test and its key.")]
Systems = Annotated[
    str | None, typer.Option(help="LABEL[,LABEL...] as the table shows them; all clean rows by default.")
]
Items = Annotated[int, typer.Option(min=1, help="Utterances to rate, drawn evenly over speakers.")]
Practice = Annotated[int, typer.Option(min=0, help="Additional utterances for practice, which do not count.")]
DrawSeed = Annotated[int, typer.Option(min=0, help="Seed of utterances, names and order.")]
Bits = Annotated[int, typer.Option(help="Bits per sample of the WAV files: 16 or 24.")]
MinSeconds = Annotated[float, typer.Option(min=0.4, help="Shortest utterance.")]
MaxSeconds = Annotated[float, typer.Option(max=12.0, help="Longest utterance; webMUSHRA allows 12 s.")]
Title = Annotated[str, typer.Option(help="Title that listeners see; do not name the systems.")]


class PairKind(str, Enum):
    """What is compared in an ABX test."""

    RECORDING = "recording"
    SYSTEMS = "systems"


@export.command()
def mushra(
    run: RunFolder,
    out: TestFolder,
    systems: Systems = None,
    items: Items = 8,
    training: Practice = 0,
    anchors: Annotated[str, typer.Option(help="Low-pass anchors: 3.5k, 7k, 3.5k,7k or none.")] = "3.5k",
    seed: DrawSeed = 0,
    bits: Bits = 16,
    min_seconds: MinSeconds = 1.0,
    max_seconds: MaxSeconds = 12.0,
    title: Title = "Listening test",
) -> None:
    """Write a MUSHRA test (ITU-R BS.1534-3): pages, level-aligned audio with anonymous names, and a private key."""
    from codec_bench.listening_tests.export import ExportOptions, export_mushra
    from codec_bench.runs.directory import load_run

    options = ExportOptions(
        systems=_split(systems),
        items=items,
        training=training,
        anchors=[] if anchors == "none" else (_split(anchors) or []),
        seed=seed,
        bits=_checked(bits),
        seconds=(min_seconds, max_seconds),
        title=title,
    )
    with _with_command_that_keeps(run), _Bar(items + training) as bar:
        exported = export_mushra(load_run(run), out, options, bar.step)
    _tell(exported, out)


@export.command()
def abx(
    run: RunFolder,
    out: TestFolder,
    systems: Systems = None,
    pairs: Annotated[
        PairKind, typer.Option(help="Each system against the recording, or against each other system.")
    ] = PairKind.RECORDING,
    repeats: Annotated[int, typer.Option(min=1, help="How often a listener hears each pair of each utterance.")] = 1,
    items: Items = 8,
    training: Practice = 0,
    seed: DrawSeed = 0,
    bits: Bits = 16,
    min_seconds: MinSeconds = 1.0,
    max_seconds: MaxSeconds = 12.0,
    title: Title = "Listening test",
) -> None:
    """Write an ABX test: which of A and B is the same as X?"""
    from codec_bench.listening_tests.export import ExportOptions, export_abx
    from codec_bench.runs.directory import load_run

    options = ExportOptions(
        systems=_split(systems),
        items=items,
        training=training,
        pairs=pairs.value,
        repeats=repeats,
        seed=seed,
        bits=_checked(bits),
        seconds=(min_seconds, max_seconds),
        title=title,
    )
    with _with_command_that_keeps(run), _Bar(items + training) as bar:
        exported = export_abx(load_run(run), out, options, bar.step)
    _tell(exported, out)


@contextmanager
def _with_command_that_keeps(run: Path) -> Iterator[None]:
    """Says which command keeps the audio of a run that has none; what was computed is taken from the cache."""
    from codec_bench.errors import UsageError
    from codec_bench.listening_tests.items import NoAudioError
    from codec_bench.reconstruction.config import RunConfig
    from codec_bench.runs.directory import load_run

    try:
        yield
    except NoAudioError as error:
        try:
            config = RunConfig(**load_run(run).info.get("config", {}))
            words = config.model_copy(update={"keep_audio": True, "out": run}).words()
        except UsageError:  # an older version, or what only a file or `score` can ask for
            raise error from None
        raise UsageError(f"{error}: {shlex.join(['codec-bench', 'run', *words])}") from None


def _split(text: str | None) -> list[str] | None:
    from codec_bench.options import listed

    return None if text is None else listed(text)


def _checked(bits: int) -> int:
    from codec_bench.errors import UsageError

    if bits not in (16, 24):
        raise UsageError(f"--bits is 16 or 24, not {bits}")
    return bits


def _tell(exported: Exported, out: Path) -> None:
    from codec_bench.listening_tests.levels import MAX_PEAK_DB

    key = exported.key
    files = sum(1 + len(trial.stimuli) for trial in key.trials)
    speakers = len({trial.speaker for trial in key.trials if trial.speaker})
    utterances = len({trial.utterance for trial in key.trials})
    lowered = sum(trial.reference.gain_db < -0.05 for trial in key.trials if trial.reference.role == "reference")
    typer.echo(
        f"{key.test_id}: {len(key.trials)} pages, {utterances} of {exported.candidates} utterances"
        f"{f' by {speakers} speakers' if speakers else ''}, {len(key.systems)} systems, {files} files"
    )
    if lowered:
        typer.echo(f"{lowered} pages were turned down as a whole, so that no peak is above {MAX_PEAK_DB:g} dBFS")
    typer.echo(f"copy {out / 'webmushra' / 'configs'} into webMUSHRA and open ?config={exported.configuration.name}")
    typer.echo(f"keep {exported.key_path} away from listeners; `codec-bench ratings` needs it")


class _Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._progress = Progress(console=console, disable=not console.is_terminal)
        self._task = self._progress.add_task("utterances", total=total)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        sys.stderr.flush()

    def step(self) -> None:
        self._progress.advance(self._task)
