"""An environment for code whose dependencies clash with ours: what it needs, where it is, how far it is."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from codec_bench.environments.sharing import share_files
from codec_bench.environments.sources import Source, unpack_source, wheel_of
from codec_bench.environments.virtual import Announce, VirtualEnvironment
from codec_bench.errors import DiskFullError, UnavailableError
from codec_bench.files import read_json, remove_folder, write_atomically, write_error
from codec_bench.fingerprint import address
from codec_bench.hub import RemoteFile, describe_size, fetch_all, home, locked

Check = Callable[[], str | None]
"""Says why something cannot be imported in an environment that was just made; None if it can."""

Checks = Mapping[str, Check]
"""Such functions by the name of what needs it."""


class EnvironmentState(str, Enum):
    """How far an environment is."""

    READY = "ready"
    ABSENT = "absent"
    OUTDATED = "outdated"
    INCOMPLETE = "incomplete"
    BROKEN = "broken"
    """All was installed, and something that needs it cannot be imported there."""


@dataclass(frozen=True)
class Environment:
    """A Python environment of its own, with the sources that run in it.

    Attributes:
        name: For `codec-bench env`.
        requirements: What pip installs, with all that it depends on. A worker needs NumPy.
        without_dependencies: What pip installs alone, because what it declares cannot be installed or is not needed.
        sources: Source trees; a worker module puts them on its path.
        python: Version of the interpreter, e.g. `3.10`; empty for ours.
        inherits: Whether our own packages are visible too, behind those of the environment: for code that runs with
            them, and only must not share a process with other code. Packages that are installed in development mode,
            as codec-bench may be itself, are not visible.
        borrowed: With `inherits`, what its code imports of ours besides what codec-bench cannot be without. Installed
            where we have none; `torchaudio`, whose version follows torch, has none here. They are no part of the
            fingerprint: where they are ours nothing differs, elsewhere the record has their versions.
        oldest_python: With `inherits`, the oldest Python that its packages take, e.g. `3.11`; empty for any.
        size: Bytes on the disk, about, for an announcement; 0 if nobody has looked. Torch brings CUDA's libraries.
    """

    name: str
    requirements: tuple[str, ...] = ()
    without_dependencies: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    python: str = ""
    inherits: bool = False
    borrowed: tuple[str, ...] = ()
    oldest_python: str = ""
    size: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", self.name):
            raise ValueError(f"{self.name!r} is not a name for an environment: lower case, digits, '.', '_' and '-'")
        if self.inherits and self.python:
            raise ValueError(f"the environment {self.name} inherits our packages, so its Python is ours")
        if self.borrowed and not self.inherits:
            raise ValueError(f"the environment {self.name} borrows packages of ours, so it inherits them")

    @cached_property
    def fingerprint(self) -> str:
        """Content address of the declaration."""
        return address(
            requirements=[list(self.requirements), list(self.without_dependencies)],
            sources=[[s.repository, s.commit, list(s.paths)] for s in self.sources],
            python=[self.python, self.inherits],
        )

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        return home() / "envs" / self.name

    @property
    def interpreter(self) -> Path:
        """Its Python."""
        return self._venv.interpreter

    @property
    def _venv(self) -> VirtualEnvironment:
        return VirtualEnvironment(self.name, self.folder, self.python, self.inherits)

    def source_folder(self, source: Source) -> Path:
        """Where a source tree is unpacked."""
        return self.folder / "sources" / source.repository.replace("/", "-")

    @property
    def remotes(self) -> tuple[RemoteFile, ...]:
        """What is fetched before anything is installed: archives of sources, and wheels that have an address."""
        wheels = map(wheel_of, (*self.requirements, *self.without_dependencies))
        return (*(source.remote for source in self.sources), *(wheel for wheel in wheels if wheel is not None))

    @property
    def record(self) -> Mapping[str, Any]:
        """What was installed; empty if it was not made, or where the record is damaged.

        `fingerprint`, `python` (its version), `packages` (versions of its own ones), `sources` (`tree_digest` by
        repository), `inherited` (folders with packages of ours) and `imports` (for what was tried, why it cannot be
        imported, or nothing).
        """
        try:
            found = read_json(self.folder / "environment.json")
            return found if _is_record(found) else {}
        except (OSError, ValueError):
            return {}

    @property
    def state(self) -> EnvironmentState:
        """How far it is."""
        if not (record := self.record):
            return EnvironmentState.INCOMPLETE if self.folder.exists() else EnvironmentState.ABSENT
        same = record.get("fingerprint") == self.fingerprint and record.get("inherited", []) == self._venv.inherited()
        if not same:
            return EnvironmentState.OUTDATED
        if not self.interpreter.exists():
            return EnvironmentState.INCOMPLETE
        return EnvironmentState.BROKEN if any(self._imports.values()) else EnvironmentState.READY

    @property
    def _imports(self) -> dict[str, str]:
        found = self.record.get("imports")
        return found if isinstance(found, dict) else {}

    def lacks_checks(self, checks: Checks) -> bool:
        """Whether something was not tried in it yet, as in one that an older version has made."""
        return not checks.keys() <= self._imports.keys()

    @property
    def is_ready(self) -> bool:
        """Whether it exists and matches the declaration."""
        return self.state is EnvironmentState.READY

    @property
    def is_unmade(self) -> bool:
        """Whether creating it starts from nothing."""
        return self.state not in (EnvironmentState.READY, EnvironmentState.BROKEN)

    def problem(self, spelling: str = "") -> str | None:
        """Why nothing can run in it now, with the command that helps, which calls it by `spelling`; None if it can."""
        if reason := self._python_problem():
            return reason
        if self.state is EnvironmentState.BROKEN:
            name, reason = next((name, reason) for name, reason in self._imports.items() if reason)
            return (
                f"its environment {self.name} cannot import what {name} needs ({reason}): "
                f"codec-bench env create {spelling or self.name} makes it anew"
            )
        what = {
            EnvironmentState.ABSENT: "is missing",
            EnvironmentState.OUTDATED: "is outdated",
            EnvironmentState.INCOMPLETE: "was not finished",
        }.get(self.state)
        if what is None:
            return None
        return f"its environment {self.name} {what}: codec-bench env create {spelling or self.name} creates it"

    def _python_problem(self) -> str:
        """Why our Python cannot run it; empty if it can."""
        wanted = tuple(map(int, self.oldest_python.split("."))) if self.oldest_python else ()
        if sys.version_info[:2] >= wanted:
            return ""
        ours = "{}.{}".format(*sys.version_info[:2])
        return f"its environment {self.name} needs Python {self.oldest_python} or newer, and codec-bench runs in {ours}"

    def create(
        self,
        report: Announce = lambda _: None,
        detail: Announce = lambda _: None,
        checks: Checks = MappingProxyType({}),
    ) -> None:
        """Creates it, or creates it again if it is outdated; concurrent processes create it once.

        Each step is reported, and what the installer says meanwhile is a detail. At the end the checks are carried out
        and recorded. One that is there and was never checked, or failed, is checked again before it is made anew.

        Raises:
            UnavailableError: A source or a package cannot be obtained, there is no such Python, or a check fails.
            UsageError: `home()` cannot be written.
            DiskFullError: No room left; what was installed is removed.
        """
        with self._locked(report):
            if self.is_ready and not self.lacks_checks(checks):
                return
            if checks and not self.is_unmade:
                self._check(checks, report)
                if self.is_ready:
                    return
            try:
                self._make(report, detail)
            except (OSError, DiskFullError) as error:
                told = write_error(self.folder, error) if isinstance(error, OSError) else error
                if isinstance(told, DiskFullError):
                    remove_folder(self.folder)
                raise told from error
            self._check(checks, report)
            if (problem := self.problem()) is not None:
                raise UnavailableError(problem)

    def _make(self, report: Announce, detail: Announce) -> None:
        if reason := self._python_problem():
            raise UnavailableError(reason)
        venv = self._venv
        venv.base()  # whether there is such a Python, before anything is downloaded
        fetched = dict(zip(self.remotes, fetch_all(self.remotes, f"env:{self.name}"), strict=True))
        self._remove()
        self.folder.mkdir()
        sources = {}
        for source in self.sources:
            report(f"unpacking {source.repository} at {source.commit[:12]}")
            archive = fetched[source.remote]
            sources[source.repository] = unpack_source(source, archive, self.source_folder(source))
        report(f"making a Python environment in {self.folder}")
        venv.make()
        started = time.monotonic()
        for options, wanted in (((), self.requirements), (("--no-deps",), self.without_dependencies)):
            if wanted:
                report(f"installing {', '.join(wanted)}")
                wheels = ((name, wheel_of(name)) for name in wanted)
                venv.install(
                    [name if wheel is None else str(fetched[wheel]) for name, wheel in wheels], options, detail
                )
        if self.borrowed:
            report(f"installing what we lack of {', '.join(self.borrowed)}")
            venv.borrow(self.borrowed, detail)
        found = venv.inventory()
        if count := len(found["packages"]):
            packages = "1 package" if count == 1 else f"{count} packages"
            report(f"installed {packages} in {time.monotonic() - started:.0f} s")
        others = [path for path in self.folder.parent.glob("*/venv") if path.parent != self.folder]
        if freed := share_files(self.folder / "venv", others):
            report(f"sharing {describe_size(freed)} with other environments")
        record = {"fingerprint": self.fingerprint, **found, "sources": sources, "inherited": venv.inherited()}
        self._write(record)

    def _check(self, checks: Checks, report: Announce) -> None:
        """Carries out the checks, and records what came of them."""
        if checks:
            report(f"importing what {', '.join(checks)} needs")
            self._write({**self.record, "imports": {name: check() or "" for name, check in checks.items()}})

    def _write(self, record: Mapping[str, Any]) -> None:
        write_atomically(self.folder / "environment.json", (json.dumps(record, indent=1) + "\n").encode())

    def remove(self) -> None:
        """Removes it; nothing happens where there is none.

        Raises:
            UsageError: It cannot be removed.
        """
        if self.folder.exists():
            with self._locked(lambda _: None):
                self._remove()

    @contextmanager
    def _locked(self, report: Announce) -> Iterator[None]:
        """Only one process at a time makes or removes it."""
        lock = self.folder.with_name(f".{self.name}.lock")
        with locked(lock, lambda holder: report(f"waiting for {holder}, which makes {self.name}")):
            try:
                yield
            except OSError as error:
                raise write_error(self.folder, error) from error

    def _remove(self) -> None:
        if self.folder.exists():
            (self.folder / "environment.json").unlink(missing_ok=True)  # first: what is half removed is not ready
        remove_folder(self.folder)


def _is_record(found: Any) -> bool:
    """Whether something has the form of `Environment.record`; older ones lack some entries."""
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in ("fingerprint", "python")):
        return False
    tables = [found.get("packages"), found.get("sources"), found.get("imports", {})]
    folders = found.get("inherited", [])
    return (
        all(isinstance(table, dict) for table in tables)
        and all(isinstance(word, str) for table in tables for word in table.values())
        and isinstance(folders, list)
        and all(isinstance(folder, str) for folder in folders)
    )
