"""`codec-bench publish`: results that people share, and whether a folder of them can be believed."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from codec_bench.errors import UsageError
from codec_bench.terminal import say

REFUSED = 1
"""Exit code where a check finds something wrong."""


def publish(
    run: Annotated[list[Path] | None, typer.Argument(metavar="RUN...", help="Run directories of any kind.")] = None,
    to: Annotated[
        str | None, typer.Option(metavar="DIR|hf:ORG/DATASET", help="Results folder, here or on Hugging Face.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put new results in the place of others of the same system and protocol.")
    ] = False,
    samples: Annotated[
        int, typer.Option(min=0, help="Utterances whose audio is published, where the run kept it.")
    ] = 3,
    claims: Annotated[
        bool, typer.Option("--claims", help="Also write what the papers that codec-bench knows say of codecs.")
    ] = False,
    model_card: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the results of one codec into the front matter of its model card."),
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Check a results folder; exit code 1 if something is wrong.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="With --check: an earlier state of the folder, of which nothing may be lost."),
    ] = None,
    recompute: Annotated[
        int, typer.Option(min=0, metavar="N", help="With --check: score N utterances of each result again.")
    ] = 0,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a result.")] = False,
) -> None:
    """Write the results of runs as files to share, or check a folder of such files."""
    if schema:
        from codec_bench.publishing.result import json_schema

        say(json.dumps(json_schema(), indent=1))
    elif check is not None:
        if run or to or claims or model_card:
            raise UsageError("--check reads a folder: give neither runs nor what to write")
        raise typer.Exit(_check(check, against, recompute))
    elif against is not None or recompute:
        raise UsageError("--against and --recompute belong to --check DIR")
    elif not run and not claims:
        raise UsageError("nothing to publish: give run directories, as in codec-bench publish runs/demo --to results/")
    elif to is None and model_card is None:
        raise UsageError("where to? --to results/ for a folder, --to hf:ORG/DATASET, or --model-card FILE")
    else:
        _write(run or [], to, model_card, replace=replace, samples=samples, claims=claims)


def _write(runs: list[Path], to: str | None, card: Path | None, *, replace: bool, samples: int, claims: bool) -> None:
    from codec_bench.publishing.claims import claims_of_papers, write_claims
    from codec_bench.publishing.folder import place_of, write
    from codec_bench.publishing.hugging_face import PREFIX, push, write_model_card
    from codec_bench.publishing.packing import pack
    from codec_bench.runs.directory import load_run

    packed = [one for folder in runs for one in pack(load_run(folder), samples)]
    if card is not None:
        count = write_model_card([one.result for one in packed], card, replace=replace)
        sys.stderr.write(f"written: {card} ({count} values)\n")
    if to is None:
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if to.startswith(PREFIX) else Path(to)
        for one in packed:
            done = write(one, folder, replace=replace)
            say(f"{done.value}: {place_of(one.result)}")
        if claims:
            say(f"{len(write_claims(claims_of_papers(), folder))} files of claims")
        if to.startswith(PREFIX):
            sys.stderr.write(f"pushed to {push(folder, to)}\n")
        else:
            sys.stderr.write(f"written to {folder}; codec-bench publish --check {folder} checks it\n")


def _check(folder: Path, against: Path | None, count: int) -> int:
    from codec_bench.publishing.checking import check_folder

    entries, problems = check_folder(folder, against)
    if count:
        from codec_bench.publishing.recomputing import recompute

        done = recompute(folder, entries, count)
        problems += done.problems
        say(f"scored again: {done.scores} scores, {len(done.problems)} of them otherwise than published")
        for label, reason in done.left_out.items():
            say(f"not scored again: {label}: {reason}")
    for problem in problems:
        say(problem.line)
    wrong = [problem for problem in problems if not problem.is_warning]
    results = sum(entry.result is not None for entry in entries)
    claims = sum(len(entry.claims) for entry in entries)
    say(
        f"{folder}: {results} results and {claims} claims in {len(entries)} files: "
        + (f"{len(wrong)} problems in {len({p.place for p in wrong})} files" if wrong else "nothing wrong")
    )
    return REFUSED if wrong else 0
