"""An environment for code whose dependencies clash with ours: what it needs, where it is, how far it is."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from codec_bench.environments.sources import Source, unpack_source
from codec_bench.environments.virtual import Announce, VirtualEnvironment
from codec_bench.files import write_atomically, write_error
from codec_bench.fingerprint import address
from codec_bench.hub import fetch_all, home, locked


class EnvironmentState(str, Enum):
    """How far an environment is."""

    READY = "ready"
    ABSENT = "absent"
    OUTDATED = "outdated"
    INCOMPLETE = "incomplete"


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
    """

    name: str
    requirements: tuple[str, ...] = ()
    without_dependencies: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    python: str = ""
    inherits: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", self.name):
            raise ValueError(f"{self.name!r} is not a name for an environment: lower case, digits, '.', '_' and '-'")
        if self.inherits and self.python:
            raise ValueError(f"the environment {self.name} inherits our packages, so its Python is ours")

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
    def record(self) -> Mapping[str, Any]:
        """What was installed; empty if it was not made.

        `fingerprint`, `python` (its version), `packages` (versions of its own ones), `sources` (`tree_digest` by
        repository) and `inherited` (folders with packages of ours).
        """
        try:
            found = json.loads((self.folder / "environment.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def state(self) -> EnvironmentState:
        """How far it is."""
        if not (record := self.record):
            return EnvironmentState.INCOMPLETE if self.folder.exists() else EnvironmentState.ABSENT
        same = record.get("fingerprint") == self.fingerprint and record.get("inherited", []) == self._venv.inherited()
        if not same:
            return EnvironmentState.OUTDATED
        return EnvironmentState.READY if self.interpreter.exists() else EnvironmentState.INCOMPLETE

    @property
    def is_ready(self) -> bool:
        """Whether it exists and matches the declaration."""
        return self.state is EnvironmentState.READY

    def problem(self, spelling: str = "") -> str | None:
        """Why nothing can run in it now, with the command that helps, which calls it by `spelling`; None if it can."""
        what = {
            EnvironmentState.ABSENT: "is missing",
            EnvironmentState.OUTDATED: "is outdated",
            EnvironmentState.INCOMPLETE: "was not finished",
        }.get(self.state)
        if what is None:
            return None
        return f"its environment {self.name} {what}: codec-bench env create {spelling or self.name} creates it"

    def create(self, report: Announce = lambda _: None, detail: Announce = lambda _: None) -> None:
        """Creates it, or creates it again if it is outdated; concurrent processes create it once.

        Each step is reported, and what the installer says meanwhile is a detail.

        Raises:
            UnavailableError: A source or a package cannot be obtained, or there is no such Python.
            UsageError: `home()` cannot be written.
            DiskFullError: No room left.
        """
        with self._locked(report):
            if self.is_ready:
                return
            venv = self._venv
            venv.base()  # whether there is such a Python, before anything is downloaded
            archives = fetch_all([source.remote for source in self.sources], f"env:{self.name}") if self.sources else []
            self._remove()
            self.folder.mkdir()
            sources = {}
            for source, archive in zip(self.sources, archives, strict=True):
                report(f"unpacking {source.repository} at {source.commit[:12]}")
                sources[source.repository] = unpack_source(source, archive, self.source_folder(source))
            report(f"making a Python environment in {self.folder}")
            venv.make()
            started = time.monotonic()
            for options, wanted in (((), self.requirements), (("--no-deps",), self.without_dependencies)):
                if wanted:
                    report(f"installing {', '.join(wanted)}")
                    venv.install(wanted, options, detail)
            found = venv.inventory()
            if self.requirements or self.without_dependencies:
                count = len(found["packages"])
                packages = "1 package" if count == 1 else f"{count} packages"
                report(f"installed {packages} in {time.monotonic() - started:.0f} s")
            record = {"fingerprint": self.fingerprint, **found, "sources": sources, "inherited": venv.inherited()}
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
            shutil.rmtree(self.folder)
