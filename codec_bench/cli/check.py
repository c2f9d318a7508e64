"""`codec-bench check`: whether a codec keeps what every codec promises."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from codec_bench.cli.options import DryRun, Json
from codec_bench.terminal import folded, say


def check(
    codec: Annotated[str, typer.Argument(metavar="MODULE:CLASS|NAME", help="The codec, with a setting or without.")],
    dataset: Annotated[str, typer.Option(help="Recordings that are coded at the end.", metavar="NAME|DIR")] = "demo",
    utterances: Annotated[int, typer.Option(min=1, help="How many of them.", metavar="N")] = 3,
    device: Annotated[str, typer.Option(help="Where it runs: auto, cpu, cuda or cuda:1.")] = "auto",
    is_dry: DryRun = False,
    as_json: Json = False,
) -> None:
    """Check a codec by what every codec promises, and explain what is wrong; exit code 1 if something is."""
    from codec_bench.adapters.systems import split_setting
    from codec_bench.coding.devices import check_device, torch_device
    from codec_bench.datasets.loading import load_dataset
    from codec_bench.errors import UsageError
    from codec_bench.options import device_name
    from codec_bench.preflight import announcement, described, needs_of
    from codec_bench.testing.conformance import OUTCOME_WIDTH, Finding, Outcome
    from codec_bench.testing.conformance import check as carry_out

    try:
        check_device(device_name(device))
    except ValueError as error:
        raise UsageError(str(error)) from None
    name = split_setting(codec)[0]
    needed = [*([] if ":" in name else [f"codec:{name}"]), f"dataset:{dataset}"]  # a class of one's own brings no files
    if is_dry:
        say(described(needs_of(needed)))
        return
    if text := announcement(needed):
        sys.stderr.write(f"{text}\n")
    recordings = load_dataset(dataset)
    recordings.fetch()
    found: list[Finding] = []
    for finding in carry_out(codec, recordings, utterances, torch_device(device)):
        found.append(finding)
        if not as_json:
            say(folded(finding.line, OUTCOME_WIDTH + 1))
    failed = sum(finding.outcome is Outcome.FAIL for finding in found)
    if as_json:
        say(json.dumps([finding.describe() for finding in found], indent=1))
    else:
        say(f"{codec}: " + (f"{failed} of {len(found)} checks failed" if failed else "it keeps what codecs promise"))
    if failed:
        raise typer.Exit(1)
