"""`codec-bench doctor`: what runs here, what is missing, and the command that installs it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import Any

from codec_bench.cli.list import Wide, count_codecs, rates_text
from codec_bench.cli.options import Json
from codec_bench.grids import Grid
from codec_bench.terminal import say


def doctor(wide: Wide = False, as_json: Json = False) -> None:
    """Say what runs here, what is missing, and the command that installs it."""
    base, environments, codecs = [*_machine(), *_places(), *_extras()], _environments(), _codecs()
    rows = base + environments + codecs
    if as_json:
        say(json.dumps(rows, indent=1, allow_nan=False))
    elif wide or not sys.stdout.isatty():
        Grid.of(rows).print()
    else:
        from codec_bench.catalogue import codec_facts

        facts = {f"codec {fact['codec']}": fact for fact in codec_facts()}
        width = shutil.get_terminal_size().columns
        say(Grid.of(base).lines(width, is_folded=True))
        for part in (environments, codecs):
            say(Grid.of([row | {"detail": _brief(row, facts.get(row["what"]))} for row in part]).lines(width))
        say(f"{count_codecs(fact['state'] for fact in facts.values())}; --wide for whole reasons")


def _brief(row: dict[str, str], fact: dict[str, Any] | None) -> str:
    """The detail on one line: bitrate and state of a codec, the command that makes an environment."""
    kind, _, name = row["what"].partition(" ")
    if kind == "environment" and row["state"] == "missing":
        return f"env create {name}"
    if fact is None:
        return row["detail"]
    kbps = rates_text(fact)
    state = "fails its known answers" if row["state"] == "problem" else fact["state"]
    return f"{kbps}{' kbps' if kbps[0].isdigit() else ''}, {state}"


def _row(what: str, state: str, detail: str = "") -> dict[str, Any]:
    return {"what": what, "state": state, "detail": detail}


def _machine() -> list[dict[str, Any]]:
    import torch

    from codec_bench.processes.pool import worker_count

    cuda = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no CUDA device"
    return [
        _row("python", "ok", sys.version.split()[0]),
        _row("torch", "ok", f"{torch.__version__}, {cuda}"),
        _row("cores", "ok", str(worker_count(None))),
    ]


def _places() -> list[dict[str, Any]]:
    """The folders that are read and written."""
    from codec_bench.hub import home, mirrors

    folder = home()
    existing = next(p for p in (folder, *folder.resolve().parents) if p.exists())
    writable = os.access(existing, os.W_OK)
    free = shutil.disk_usage(existing).free / 1e9
    state = "ok" if writable and free > 1 else "problem"
    why = "" if writable else "; not writable: set CODEC_BENCH_HOME to a folder that is"
    rows = [_row("CODEC_BENCH_HOME", state, f"{folder}, {free:.0f} GB free{why}")]
    for mirror in mirrors()[:-1]:
        rows.append(_row("CODEC_BENCH_MIRROR", "ok" if mirror.is_dir() else "problem", str(mirror)))
    return rows


def _codecs() -> list[dict[str, Any]]:
    from codec_bench.adapters import CODECS
    from codec_bench.verification import State, state_of_name

    rows = []
    for name in (name for name in CODECS.names() if not name.startswith("test-")):
        reason = CODECS.get(name).unavailable()
        if reason is not None:
            rows.append(_row(f"codec {name}", "missing", reason))
            continue
        answers = state_of_name(f"codec:{name}")
        more = f": codec-bench verify codec:{name}" if answers in (State.FAILED, State.NOT_YET) else ""
        state = "problem" if answers is State.FAILED else "ok"
        rows.append(_row(f"codec {name}", state, f"known answers: {answers.value}{more}"))
    return rows


def _environments() -> list[dict[str, Any]]:
    """The environments of codecs whose dependencies clash."""
    from codec_bench.needed_environments import needed_environments

    rows = []
    for name, used in sorted(needed_environments().items()):
        made = used.environment
        reason, detail = made.problem(), str(made.folder)
        if reason is None and made.lacks_checks(used.checks):
            detail += f"; what it needs was never imported in it: codec-bench env create {name} tries"
        rows.append(_row(f"environment {name}", "missing" if reason else "ok", reason or detail))
    return rows


def _extras() -> list[dict[str, Any]]:
    """The recogniser, and packages that are installed on request."""
    from codec_bench.fingerprint import package_version
    from codec_bench.metrics.asr import default_backend

    found = [_row("recogniser", "ok", "; ".join(filter(None, default_backend())))]
    for extra, package in (("praat", "praat-parselmouth"), ("lyra", "ai-edge-litert"), ("lc3", "lc3py")):
        version = package_version(package)
        missing = version == "absent"
        detail = f"pip install 'codec-bench[{extra}]'" if missing else f"{package} {version}"
        found.append(_row(f"extra {extra}", "missing" if missing else "ok", detail))
    return found
