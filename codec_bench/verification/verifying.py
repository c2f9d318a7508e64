"""Verifies targets, keeps what came of it, and sees to it that what failed is not used unawares."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import fetch_all, is_on
from codec_bench.processes.pool import ProcessServer
from codec_bench.processes.process import ProcessCrash, WorkerError
from codec_bench.verification.inputs import bring
from codec_bench.verification.kept import Record, State, keep, record_of
from codec_bench.verification.outcomes import BAD, Outcome, Result
from codec_bench.verification.targets import Target

logger = logging.getLogger(__name__)

WORKER = "codec_bench.verification.worker:Verifier"

SECONDS = 1800.0
"""How long the checks of one target may take; loading a model of gigabytes from a slow disk is most of it."""

OFF = "CODEC_BENCH_NO_VERIFY"
"""Variable that has nothing verified by itself, as `--no-verify`."""


def verify(
    targets: Sequence[Target], device: str = "cpu", *, quick: bool = False
) -> Iterator[tuple[Target, Record | None]]:
    """Verifies targets, whatever was found before.

    Args:
        targets: What to verify; those of one module one after the other, as `all_here` has them.
        device: Where models run.
        quick: Whether answers that take minutes are left out.

    Yields:
        Each target with what came of it; None where no answer is known.

    Raises:
        CodecBenchError: The home cannot be written.
    """
    for _, group in groupby(targets, lambda target: target.module):
        server: ProcessServer | None = None
        try:
            for target in group:
                checks = target.chosen(quick)
                if not checks:
                    yield target, None
                    continue
                names = {name for check in checks for name in check.inputs}
                missing = bring(target.file, sorted(names), f"known answers of {target.name}")
                try:
                    _ = target.key
                    fetch_all(target.weights, target.name)
                except UnavailableError as error:
                    yield target, keep(target, (_lost(target, str(error)),), device)
                    continue
                server = server or ProcessServer(WORKER, {}, SECONDS)
                try:
                    reply = server.call({"target": target.name, "quick": quick, "missing": missing, "device": device})
                    results = tuple(map(Result.of, reply["results"]))
                except (ProcessCrash, WorkerError) as error:
                    results = (_lost(target, str(error)),)
                    server.close()
                    server = None
                yield target, keep(target, results, device)
        finally:
            if server is not None:
                server.close()


def _lost(target: Target, why: str) -> Result:
    return Result(target.name, Outcome.CANNOT_RUN, "its checks", found=why, source=target.checks[0].source)


def ensure(
    targets: Iterable[Target], device: str = "cpu", *, verifies: bool = True, allows_failed: bool = False
) -> None:
    """Verifies what has weights and known answers, and was not verified with these weights yet; before a run.

    Args:
        targets: What a run uses; its files are here.
        device: Where models run.
        verifies: Whether anything is verified; what failed before is refused anyway.
        allows_failed: Whether what fails may be used.

    Raises:
        UsageError: A target fails a known answer; the message says which and what else can be done.
    """
    wanted = {target.name: target for target in targets if target.checks and target.weights}
    records = {name: record_of(target) for name, target in wanted.items()}
    tried: set[str] = set()
    if verifies and not is_on(OFF):
        new = [target for name, target in wanted.items() if not ((known := records[name]) and known.is_final)]
        if new:
            logger.info("verifying %s against known answers", ", ".join(target.name for target in new))
        for target, record in verify(sorted(new, key=lambda target: target.module), device, quick=True):
            tried.add(target.name)
            records[target.name] = record
            for result in record.results if record else ():
                level = logging.WARNING if result.outcome in (*BAD, Outcome.DIFFERS) else logging.INFO
                logger.log(level, "%s", result.line)
    for name, record in records.items():
        if record is None or record.state is not State.FAILED:
            continue
        bad = next(result for result in record.results if result.outcome in BAD)
        if not allows_failed:
            raise UsageError(f"{bad.line}; --unverified uses it all the same, and marks its rows")
        if name not in tried:
            logger.warning("%s", bad.line)
