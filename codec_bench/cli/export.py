"""`codec-bench export`: a run as a listening test for webMUSHRA."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from codec_bench import terminal
from codec_bench.cli import new_app
from codec_bench.cli.commands import PanelledCommand, command
from codec_bench.errors import UsageError
from codec_bench.listening_tests.config import AbxTest, DcrTest, DrtTest, ListeningTest, Mushra1sTest, MushraTest
from codec_bench.terminal import say

export = new_app(
    help="Make a listening test for webMUSHRA from a run that kept its audio.",
    no_args_is_help=True,
)


@export.command(cls=PanelledCommand)
@command(MushraTest, is_saved=False)
def mushra(test: MushraTest, _: bool) -> None:
    """Write a MUSHRA test (ITU-R BS.1534-3): pages, level-aligned audio with anonymous names, and a private key."""
    _export(test)


@export.command("mushra-1s", cls=PanelledCommand)
@command(Mushra1sTest, is_saved=False)
def mushra_1s(test: Mushra1sTest, _: bool) -> None:
    """Write a MUSHRA 1S test: one system a page, beside the reference and the anchors, as the IETF's battery has it."""
    _export(test)


@export.command(cls=PanelledCommand)
@command(AbxTest, is_saved=False)
def abx(test: AbxTest, _: bool) -> None:
    """Write an ABX test: which of A and B is the same as X?"""
    _export(test)


@export.command(cls=PanelledCommand)
@command(DcrTest, is_saved=False)
def dcr(test: DcrTest, _: bool) -> None:
    """Write a degradation category rating (ITU-T P.800, Annex D): the recording, then the system, and five grades."""
    _export(test)


@export.command(cls=PanelledCommand)
@command(DrtTest, is_saved=False)
def drt(test: DrtTest, _: bool) -> None:
    """Write a rhyme test (ITU-T P.807) of a run over recordings of words: which of two words was it?"""
    _export(test)


def _export(test: ListeningTest) -> None:
    from codec_bench.listening_tests.export import export as write
    from codec_bench.listening_tests.items import NoAudioError
    from codec_bench.listening_tests.levels import MAX_PEAK_DB

    try:
        with _bar(test.items + test.training if test.items else None) as step:
            exported = write(test, step)
    except NoAudioError as error:
        raise UsageError(": ".join(filter(None, [str(error), _command_that_keeps(test.run)]))) from None
    key = exported.key
    files = len({stimulus.name for trial in key.trials for stimulus in (trial.reference, *trial.stimuli)})
    speakers = len({trial.speaker for trial in key.trials if trial.speaker})
    utterances = len({trial.utterance for trial in key.trials})
    lowered = sum(trial.reference.gain_db < -0.05 for trial in key.trials if trial.reference.role == "reference")
    say(
        f"{key.test_id}: {len(key.trials)} pages, {utterances} of {exported.candidates} utterances"
        f"{f' by {speakers} speakers' if speakers else ''}, {len(key.systems)} systems, {files} files"
    )
    if lowered:
        say(f"{lowered} pages were turned down as a whole, so that no peak is above {MAX_PEAK_DB:g} dBFS")
    configurations = test.out / "webmushra" / "configs"
    say(f"copy {configurations} into webMUSHRA and open ?config={exported.configuration.name}")
    say(f"keep {test.out / 'key.json'} away from listeners; `codec-bench ratings` needs it")


def _command_that_keeps(run: Path) -> str:
    """The command that keeps the audio of a run; what was computed is taken from the cache. Empty if there is none."""
    from codec_bench.reconstruction.config import RunConfig
    from codec_bench.runs.directory import load_run

    try:
        config = RunConfig(**load_run(run).info.get("config", {}))
        words = config.model_copy(update={"keep_audio": True, "out": run}).words()
    except UsageError:  # an older version, or what only a file or `score` can ask for
        return ""
    return shlex.join(["codec-bench", "run", *words])


@contextmanager
def _bar(total: int | None) -> Iterator[Callable[[], None]]:
    """Shows progress on a terminal, nothing elsewhere; gives what counts one more."""
    from rich.progress import Progress

    console = terminal.console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("utterances", total=total)
        yield lambda: progress.advance(task)
