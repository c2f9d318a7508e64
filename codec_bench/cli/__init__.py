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
    "run": "codec_bench.cli.run:run",
    "score": "codec_bench.cli.score:score",
    "compare": "codec_bench.cli.compare:compare",
    "baseline": "codec_bench.cli.baseline:baseline",
    "probe": "codec_bench.cli.probe:probe",
    "tokens": "codec_bench.cli.tokens:tokens",
    "speed": "codec_bench.cli.speed:speed",
    "report": "codec_bench.cli.report:report",
    "reproduce": "codec_bench.cli.reproduce:reproduce",
    "log": "codec_bench.cli.log:log",
    "publish": "codec_bench.cli.publish:publish",
    "leaderboard": "codec_bench.cli.leaderboard:leaderboard",
    "export": "codec_bench.cli.export:export",
    "ratings": "codec_bench.cli.ratings:ratings",
    "list": "codec_bench.cli.list:list_plugins",
    "fetch": "codec_bench.cli.fetch:fetch",
    "doctor": "codec_bench.cli.doctor:doctor",
    "new": "codec_bench.cli.new:new",
    "check": "codec_bench.cli.check:check",
    "verify": "codec_bench.cli.verify:verify",
    "env": "codec_bench.cli.env:env",
    "cache": "codec_bench.cli.cache:cache",
}
"""Where each command is; only the one that is called is imported."""


GROUPS = {
    "Measure": ("run", "score", "probe", "tokens", "speed", "reproduce"),
    "Look at results": ("report", "compare", "baseline", "export", "ratings", "log", "publish"),
    "What there is": ("list", "doctor", "verify", "new", "check"),
    "What lies on this machine": ("fetch", "env", "cache"),
    "More": (),
}
"""The headings of `codec-bench --help`, and the commands below them; the last one has all others."""

SETTINGS = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": min(120, shutil.get_terminal_size().columns),
}
"""How every command shows its help."""


class _Imported(UserDict[str, Any]):
    """Commands by name, created from a function or a group on first use."""

    def __getitem__(self, name: str) -> Any:
        if isinstance(self.data[name], str):
            module, _, attribute = self.data[name].partition(":")
            found = getattr(importlib.import_module(module), attribute)
            if not isinstance(found, typer.Typer):
                single = _typer()
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
        self.commands = _Imported(COMMANDS)

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, without importing any."""
        return [*COMMANDS]  # `list` is one of the modules here

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the commands under headings."""
        left = self.list_commands(ctx)
        for heading, names in GROUPS.items():
            shown = [name for name in left if name in names or not names]
            left = [name for name in left if name not in shown]
            lines = [(name, self.commands[name].get_short_help_str(formatter.width - 16)) for name in shown]
            if lines:
                with formatter.section(heading):
                    formatter.write_dl(lines)


def _typer(**options: Any) -> typer.Typer:
    options.setdefault("add_completion", False)
    return typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None, context_settings=SETTINGS, **options)


app = _typer(
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
        sys.stderr.write(f"codec-bench: {format_message()}\n" if len(sys.argv) > 1 else f"{format_message()}\n")
        code = 2
    if code == INTERRUPTED:
        sys.stderr.write("codec-bench: interrupted; repeat the command to continue\n")
    sys.exit(code or 0)
