"""Which codecs and metrics need an environment of their own, and which of these environments are here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codec_bench.adapters import CODECS
from codec_bench.environments import Check, Environment
from codec_bench.errors import UsageError
from codec_bench.files import folder_size
from codec_bench.hub import describe_size, home
from codec_bench.metrics import METRICS
from codec_bench.metrics.asr import BACKENDS
from codec_bench.registry import unknown

UNUSED = "unused"
"""State of an environment on disk that nothing needs any more."""


@dataclass(frozen=True)
class NeededEnvironment:
    """An environment, and the names of the codecs and metrics that run in it.

    Attributes:
        environment: What they declare.
        codecs: Names of codecs.
        metrics: Names of metrics and recognisers.
        workers: For each worker module, and for what it imports for some of them alone, the first of them that it
            serves, and whether it can be imported.
    """

    environment: Environment
    codecs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    workers: Mapping[tuple[Path, str], tuple[str, Check]] = field(default_factory=dict)

    @property
    def checks(self) -> dict[str, Check]:
        """What `Environment.create` tries at its end."""
        return dict(self.workers.values())


def needed_environments() -> dict[str, NeededEnvironment]:
    """All environments that a codec or a metric declares, by name.

    Raises:
        UsageError: Two that differ have one name.
    """
    found: dict[str, NeededEnvironment] = {}
    for name in CODECS.names():
        _note(found, CODECS.get(name), codecs=(name,))
    for name in METRICS.names():
        _note(found, METRICS.get(name), metrics=(name,))
    for name in BACKENDS.names():
        _note(found, BACKENDS.get(name), metrics=(f"wer[{name}]",))
    return found


def _note(
    found: dict[str, NeededEnvironment], plugin: Any, codecs: tuple[str, ...] = (), metrics: tuple[str, ...] = ()
) -> None:
    """Adds what a plug-in declares, where it does."""
    declared = getattr(plugin, "environment", None)
    if not isinstance(declared, Environment):
        return
    known = found.setdefault(declared.name, NeededEnvironment(declared))
    if known.environment.fingerprint != declared.fingerprint:
        others = ", ".join((*known.codecs, *known.metrics))
        raise UsageError(
            f"{', '.join(codecs + metrics)} and {others} declare different environments named {declared.name}: "
            "rename one of them in its adapter"
        )
    check = getattr(plugin, "import_problem", None)
    workers = {}
    if check is not None:
        workers[plugin.worker, getattr(plugin, "imports", "")] = ((codecs + metrics)[0], check)
    found[declared.name] = NeededEnvironment(
        known.environment, known.codecs + codecs, known.metrics + metrics, {**workers, **known.workers}
    )


def environment_facts() -> list[dict[str, Any]]:
    """One entry per environment, for programs: sizes in bytes, versions of packages, digests of source trees."""
    known = needed_environments()
    left = _left_over(known)
    rows = []
    for name, used in sorted({**known, **left}.items()):
        made = used.environment
        record = made.record
        rows.append(
            {
                "environment": name,
                "codecs": list(used.codecs),
                "metrics": list(used.metrics),
                "python": record.get("python", made.python or _our_python()),
                "inherits": made.inherits,
                "state": UNUSED if name in left else made.state.value,
                "size_bytes": folder_size(made.folder),
                "expected_bytes": made.size or None,
                "imports": dict(record.get("imports", {})),
                "requirements": [*made.requirements, *made.without_dependencies],
                "sources": {source.repository: source.commit for source in made.sources},
                "packages": dict(record.get("packages", {})),
                "trees": dict(record.get("sources", {})),
                "folder": str(made.folder),
            }
        )
    return rows


def _our_python() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def wanted_environments(names: Sequence[str], left_over: bool = False) -> dict[str, NeededEnvironment]:
    """The environments of these names.

    Args:
        names: Environments or codecs (`codec:NAME`, also `codec:package.module:Class`), or `all`.
        left_over: Whether environments on disk that nothing needs any more have names, too.

    Raises:
        UsageError: No such environment, or the codec needs none.
    """
    known = needed_environments()
    others = _left_over(known) if left_over else {}
    wanted: dict[str, NeededEnvironment] = {}
    for name in names:
        if name == "all":
            wanted |= known
        elif name.startswith("codec:"):
            codec = name.removeprefix("codec:").partition("@")[0]
            mine: dict[str, NeededEnvironment] = {}
            _note(mine, CODECS.get(codec), codecs=(codec,))
            if not mine:
                raise UsageError(f"{codec} needs no environment of its own")
            wanted |= {key: known.get(key, used) for key, used in mine.items()}
        elif name in known or name in others:
            wanted[name] = known.get(name) or others[name]
        else:
            raise UsageError(unknown("environment", name, [*known, *others]))
    return wanted


def _left_over(known: Mapping[str, NeededEnvironment]) -> dict[str, NeededEnvironment]:
    """Environments on disk that nothing declares any more."""
    folder = home() / "envs"
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".") if folder.is_dir() else []
    found = {}
    for name in names:
        try:
            found[name] = NeededEnvironment(Environment(name))
        except ValueError:  # not one of our names, so it was put there by hand
            continue
    return {name: used for name, used in found.items() if name not in known}


def announcement(wanted: Sequence[NeededEnvironment]) -> str:
    """What environments take on the disk, before they are made; empty where nobody has looked."""
    sizes = {used.environment.name: used.environment.size for used in wanted if used.environment.size}
    if not sizes:
        return ""
    place = home()
    while not place.exists():
        place = place.parent
    free, total = shutil.disk_usage(place).free, sum(sizes.values())
    names = ", ".join(f"{name} up to about {describe_size(size)}" for name, size in sizes.items())
    whole = f"; together {describe_size(total)}" if len(sizes) > 1 else ""
    short = "" if free > total else ": that may not be enough"
    return f"{names}{whole}, of which most is downloaded; {describe_size(free)} are free in {place}{short}"


def still_lacking(used: NeededEnvironment) -> list[str]:
    """What the codecs of an environment still lack."""
    reasons = {name: CODECS.get(name).unavailable() for name in used.codecs}
    return [f"codec {name}: {reason}" for name, reason in reasons.items() if reason]
