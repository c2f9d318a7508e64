"""`codec-bench verify`: whether what is here gives what its authors published."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from codec_bench.cli.options import Json
from codec_bench.terminal import say


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="codec:NAME, metric:NAME [...], or all-here (the default)")
    ] = None,
    tables: Annotated[
        bool, typer.Option("--tables", help="Also run the rows of published tables, which takes whole data sets.")
    ] = False,
    device: Annotated[str, typer.Option(help="Where models run: auto, cpu, cuda or cuda:1.")] = "auto",
    as_json: Json = False,
) -> None:
    """Compare codecs, metrics and recognisers with answers that their authors published; exit code 1 if one fails."""
    from codec_bench.coding.devices import check_device, torch_device
    from codec_bench.options import device_name
    from codec_bench.errors import UsageError
    from codec_bench.verification import Outcome, Result, all_here, target_of
    from codec_bench.verification import verify as compare

    try:
        check_device(device_name(device))
    except ValueError as error:
        raise UsageError(str(error)) from None
    is_all = names in (None, [], ["all-here"])
    targets = all_here() if is_all else [target for name in names or () for target in target_of(name)]
    results: list[Result] = []
    for target, record in compare(targets, torch_device(device)):
        found = list(record.results) if record is not None else []
        if record is None:
            best = "" if target.answers is None else target.answers.second_best
            found = [Result(target.name, Outcome.NO_ANSWER, best or "nothing to compare with")]
        for result in found:
            if not as_json:
                say(result.line)
        results += found
    if as_json:
        say(json.dumps([result.describe() for result in results], indent=1, allow_nan=False))
    if any(result.outcome is Outcome.FAILED for result in results):
        raise typer.Exit(1)
