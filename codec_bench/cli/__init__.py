"""The command line: one file per command, thin: parse, call, print."""

from __future__ import annotations

import errno
import importlib
import logging
import os
import shutil
import sys
from collections import UserDict
from contextlib import suppress
from typing import Any

import typer
from typer.core import TyperGroup

from codec_bench.errors import CodecBenchError
from codec_bench.terminal import outlets, say

INTERRUPTED = 130
"""The exit code that typer makes of Ctrl-C."""

COMMANDS = {
    "Measure": {
        "run": "Reconstruct a data set with codecs and score it",
        "score": "Score audio that exists already",
        "probe": "Train small probes on frozen tokens",
        "tokens": "Analyse tokens: use of codebooks, entropy, n-grams",
        "speed": "Measure what codecs cost: time, latency, memory",
        "reproduce": "Run the rows of a paper's table, beside what was published",
    },
    "Look at results": {
        "report": "Write tables, plots and the interactive page of runs",
        "compare": "Compare a run with an earlier one: is it worse?",
        "baseline": "Store the scores of a run as a small file for `compare`",
        "export": "Make a listening test for webMUSHRA",
        "ratings": "Import what people said in a listening test",
        "log": "Give finished runs to experiment trackers",
        "publish": "Write results as files to share, or check such files",
    },
    "What there is": {
        "list": "List codecs, metrics, data sets, tasks and papers",
        "doctor": "Say what runs here, and what installs the rest",
        "verify": "Compare what is here with published answers",
        "new": "Write a codec, a metric or a data set to begin with",
        "check": "Check a codec by what every codec promises",
    },
    "What lies on this machine": {
        "fetch": "Download weights and data sets ahead of a run",
        "env": "Make, list or remove environments of codecs",
        "cache": "Show or remove what lies in CODEC_BENCH_HOME",
    },
    "More": {
        "leaderboard": "Write a leaderboard that opens from a disk or any host",
    },
}
"""The commands below the headings of `codec-bench --help`, each with a line that fits on a narrow terminal.

They are said here, so that neither the help nor a completion imports the commands."""

NAMES = tuple(name for commands in COMMANDS.values() for name in commands)


def place(name: str) -> tuple[str, str]:
    """Module and attribute of a command; only the one that is called is imported."""
    return f"codec_bench.cli.{name}", "list_plugins" if name == "list" else name


SETTINGS = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": min(120, shutil.get_terminal_size().columns),
}
"""How every command shows its help."""


class _Imported(UserDict[str, Any]):
    """Commands by name, created from a function or a group on first use."""

    def __getitem__(self, name: str) -> Any:
        if self.data[name] is None:
            module, attribute = place(name)
            found = getattr(importlib.import_module(module), attribute)
            if not isinstance(found, typer.Typer):
                single = new_app()
                words = getattr(found, "example", None)
                example = f"Example: codec-bench {name} {words}" if words else None
                cls = getattr(found, "command_class", None)
                single.command(name, cls=cls, epilog=example, context_settings=SETTINGS)(found)
                found = single
            self.data[name] = typer.main.get_command(found)
        return self.data[name]


class _Commands(TyperGroup):
    """The program's commands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Imported(dict.fromkeys(NAMES))

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, without importing any."""
        return [*NAMES]  # `list` is one of the modules here

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the commands under headings."""
        for heading, summaries in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([*summaries.items()])  # `list` is one of the modules here


def new_app(**options: Any) -> typer.Typer:
    """A command or a group of commands, whose help looks like that of all others."""
    options.setdefault("add_completion", False)
    return typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None, context_settings=SETTINGS, **options)


app = new_app(
    cls=_Commands,
    help="Reproducible evaluation of neural speech codecs.",
    epilog="Example: codec-bench run --codec codec2@1200,opus@6000 --dataset demo --metrics pesq_wb,stoi",
    no_args_is_help=True,
    add_completion=True,
)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        from codec_bench.version import __version__

        say(f"codec-bench {__version__}")
        raise typer.Exit


def _drop_output() -> None:
    """Lets Python end without trying to write again what could not be written."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _hint(error: Any, message: str) -> str:
    """What to type instead, where the parser only says that something is missing or too much."""
    context = getattr(error, "ctx", None)
    if context is None or "id you mean" in message:
        return ""
    between = "\n" if "\n" in message else " " if message.endswith(".") else ". "
    return between + (context.command.epilog or f"See: {context.command_path} --help")


def main() -> None:
    """Runs the command line; errors are one line on standard error and an exit code."""
    with outlets():
        _main()


def _main() -> None:
    level = logging.DEBUG if os.environ.get("CODEC_BENCH_DEBUG") else logging.WARNING
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s: %(message)s")
    logging.getLogger("codec_bench").setLevel(level)
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO):
            raise
        _drop_output()
        sys.stderr.write(f"codec-bench: standard output cannot be written: {error.strerror}\n")
        code = 1
    except CodecBenchError as error:
        sys.stderr.write(f"codec-bench: {error}\n")
        code = error.exit_code
    except Exception as error:
        # Which package holds the exceptions of the option parser depends on the version of typer.
        format_message = getattr(error, "format_message", None)
        if format_message is None:
            raise
        message = format_message()
        is_help = type(error).__name__ == "NoArgsIsHelpError"
        sys.stderr.write(f"{message}\n" if is_help else f"codec-bench: {message}{_hint(error, message)}\n")
        code = 2
    if code == INTERRUPTED:
        sys.stderr.write("codec-bench: interrupted; repeat the command to continue\n")
    sys.exit(code or 0)
