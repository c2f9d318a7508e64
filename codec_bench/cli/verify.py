"""`codec-bench verify`: whether what is here gives what its authors published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from codec_bench.cli.options import DryRun, Json
from codec_bench.terminal import say

if TYPE_CHECKING:
    from codec_bench.verification import Result, Target


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="codec:NAME, metric:NAME [...], or all-here (the default)")
    ] = None,
    tables: Annotated[
        bool, typer.Option("--tables", help="Also run the rows of published tables, which takes whole data sets.")
    ] = False,
    device: Annotated[str, typer.Option(help="Where models run: auto, cpu, cuda or cuda:1.")] = "auto",
    is_dry: DryRun = False,
    as_json: Json = False,
) -> None:
    """Compare codecs, metrics and recognisers with answers that their authors published; exit code 1 if one fails."""
    from codec_bench.coding.devices import check_device, torch_device
    from codec_bench.errors import UsageError
    from codec_bench.options import device_name
    from codec_bench.verification import Outcome, Result, all_here, target_of
    from codec_bench.verification import verify as compare
    from codec_bench.verification.outcomes import BAD

    try:
        check_device(device_name(device))
    except ValueError as error:
        raise UsageError(str(error)) from None
    is_all = names in (None, [], ["all-here"])
    targets = all_here() if is_all else [target for name in names or () for target in target_of(name)]
    if is_dry:
        from codec_bench.preflight import described, needs_of

        say(described(needs_of(target.name for target in targets)))
        return
    results: list[Result] = []
    for target, record in compare(targets, torch_device(device)):
        best = "" if target.answers is None else target.answers.second_best
        none = Result(target.name, Outcome.NO_ANSWER, best or "nothing to compare with")
        for result in [*(record.results if record is not None else [none]), *_rows(target, record is None, tables)]:
            if not as_json:
                say(result.line)
            results.append(result)
    if as_json:
        say(json.dumps([result.describe() for result in results], indent=1, allow_nan=False))
    if any(result.outcome in BAD for result in results):
        raise typer.Exit(1)


def _rows(target: Target, is_all_there_is: bool, measures: bool) -> Iterator[Result]:
    """The rows of published tables: measured on request, and otherwise named where nothing else is known."""
    from codec_bench.reproduction.rows_as_answers import rows_of

    if target.name.startswith("codec:") and (is_all_there_is or measures):
        for row in rows_of(target):
            yield from row.measured() if measures else [row.result]
