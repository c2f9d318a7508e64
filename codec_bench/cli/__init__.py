"""The command line: one file per command, thin: parse, call, print."""

from __future__ import annotations

import logging
import os
import sys

import typer

from codec_bench.cli.baseline import baseline
from codec_bench.cli.cache import cache
from codec_bench.cli.compare import compare
from codec_bench.cli.doctor import doctor
from codec_bench.cli.env import env
from codec_bench.cli.export import export
from codec_bench.cli.fetch import fetch
from codec_bench.cli.list import list_plugins
from codec_bench.cli.probe import probe
from codec_bench.cli.ratings import ratings
from codec_bench.cli.report import report
from codec_bench.cli.reproduce import reproduce
from codec_bench.cli.run import run
from codec_bench.cli.score import score
from codec_bench.cli.speed import speed
from codec_bench.cli.tokens import tokens
from codec_bench.errors import CodecBenchError

INTERRUPTED = 130
"""The exit code that typer makes of Ctrl-C."""

app = typer.Typer(
    help="Reproducible evaluation of neural speech codecs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(run)
app.command()(score)
app.command()(compare)
app.add_typer(baseline, name="baseline")
app.command()(probe)
app.command()(tokens)
app.command()(speed)
app.command()(report)
app.command()(reproduce)
app.add_typer(export, name="export")
app.command()(ratings)
app.command("list")(list_plugins)
app.command()(fetch)
app.command()(doctor)
app.add_typer(env, name="env")
app.command()(cache)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    if version:
        from codec_bench.version import __version__

        typer.echo(f"codec-bench {__version__}")
        raise typer.Exit


def main() -> None:
    """Runs the command line; errors are one line on standard error and an exit code."""
    level = logging.DEBUG if os.environ.get("CODEC_BENCH_DEBUG") else logging.WARNING
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s: %(message)s")
    logging.getLogger("codec_bench").setLevel(level)
    try:
        code = app(standalone_mode=False)
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
