"""Environments for code whose dependencies clash with ours: what they need, how they are made, where they are."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from codec_bench.errors import UnavailableError
from codec_bench.files import digest, file_digest, write_atomically, write_error
from codec_bench.fingerprint import address
from codec_bench.hub import RemoteFile, fetch_all, home, is_offline, locked, mirrors
from codec_bench.unpack import extract

SOURCE_LIMIT = 1 << 30
"""Bytes that a source tree may unpack to."""

TAIL_CHARACTERS = 600
"""How much of the last words of a failed step a message quotes."""

NOT_PASSED_ON = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")
"""Variables that would have packages put, or found, somewhere else."""

Report = Callable[[str], None]


class EnvironmentState(str, Enum):
    """How far an environment is."""

    READY = "ready"
    ABSENT = "absent"
    OUTDATED = "outdated"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class Source:
    """A source tree on GitHub at a commit.

    GitHub repacks archives from time to time, so the digest may change while the content does not; what is
    checked is the digest of the unpacked files.

    Attributes:
        repository: `owner/name`.
        commit: 40 hexadecimal digits.
        paths: Files and folders of the tree that are needed; all for none.
        tree: `tree_digest` of those files; None where it is not known.
    """

    repository: str
    commit: str
    paths: tuple[str, ...] = ()
    tree: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", self.repository) or not re.fullmatch(
            "[0-9a-f]{40}", self.commit
        ):
            raise ValueError(f"{self.repository}@{self.commit} is not owner/name at a commit of 40 digits")

    @property
    def remote(self) -> RemoteFile:
        """The archive, as the hub fetches it."""
        name = f"{self.repository.replace('/', '-')}-{self.commit}.tar.gz"
        return RemoteFile(
            f"sources/{name}", source=f"https://codeload.github.com/{self.repository}/tar.gz/{self.commit}"
        )

    def wants(self, name: str) -> bool:
        """Whether a file of the archive is needed; the archive has one folder at its top."""
        inner = PurePosixPath(*PurePosixPath(name).parts[1:])
        return bool(inner.parts) and (
            not self.paths or any(inner.is_relative_to(PurePosixPath(path)) for path in self.paths)
        )


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
        """Content address of what was asked for."""
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
        return self.folder / "venv" / "bin" / "python"

    def source_folder(self, source: Source) -> Path:
        """Where a source tree is unpacked."""
        return self.folder / "sources" / source.repository.replace("/", "-")

    @property
    def record(self) -> Mapping[str, Any]:
        """What was installed; empty where it was not made.

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
        same = record.get("fingerprint") == self.fingerprint and record.get("inherited", []) == self._inherited()
        if not same:
            return EnvironmentState.OUTDATED
        return EnvironmentState.READY if self.interpreter.exists() else EnvironmentState.INCOMPLETE

    @property
    def is_ready(self) -> bool:
        """Whether it is there and is what is asked for now."""
        return self.state is EnvironmentState.READY

    def problem(self, spelling: str = "") -> str | None:
        """Why nothing can run in it now, with the command that helps; None where it can.

        Args:
            spelling: How `codec-bench env create` finds it; its name by default.
        """
        what = {
            EnvironmentState.ABSENT: "is missing",
            EnvironmentState.OUTDATED: "is outdated",
            EnvironmentState.INCOMPLETE: "was not finished",
        }.get(self.state)
        if what is None:
            return None
        return f"its environment {self.name} {what}: codec-bench env create {spelling or self.name} creates it"

    def create(self, report: Report = lambda _: None, detail: Report = lambda _: None) -> None:
        """Creates it, or creates it again if it is outdated; concurrent processes create it once.

        Args:
            report: Called with each step.
            detail: Told what the installer says meanwhile.

        Raises:
            UnavailableError: A source or a package cannot be obtained, or there is no such Python.
            UsageError: `home()` cannot be written.
            DiskFullError: No room left.
        """
        with self._locked(report):
            if self.is_ready:
                return
            python = self._base_python()
            archives = fetch_all([source.remote for source in self.sources], f"env:{self.name}") if self.sources else []
            self._remove()
            self.folder.mkdir()
            sources = {}
            for source, archive in zip(self.sources, archives, strict=True):
                report(f"unpacking {source.repository} at {source.commit[:12]}")
                sources[source.repository] = self._unpack(source, archive)
            report(f"making a Python environment in {self.folder}")
            self._make_venv(python)
            started = time.monotonic()
            for options, wanted in (((), self.requirements), (("--no-deps",), self.without_dependencies)):
                if wanted:
                    report(f"installing {', '.join(wanted)}")
                    self._run([*self._installer(), *_index_options(), *options, *wanted], detail)
            found = self._inventory()
            if self.requirements or self.without_dependencies:
                count = len(found["packages"])
                packages = "1 package" if count == 1 else f"{count} packages"
                report(f"installed {packages} in {time.monotonic() - started:.0f} s")
            record = {"fingerprint": self.fingerprint, **found, "sources": sources, "inherited": self._inherited()}
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
    def _locked(self, report: Report) -> Iterator[None]:
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

    def _unpack(self, source: Source, archive: Path) -> str:
        """Puts a source tree into its folder; its digest."""
        scratch = self.folder / "unpacked"
        extract(archive, scratch, source.wants, limit=SOURCE_LIMIT)
        tops = list(scratch.iterdir()) if scratch.is_dir() else []
        if len(tops) != 1:
            raise UnavailableError(f"{archive} is not the source of {source.repository}: it has {len(tops)} folders")
        found = tree_digest(tops[0])
        if source.tree is not None and found != source.tree:
            raise UnavailableError(
                f"{archive} is another source of {source.repository}: its files have the digest {found[:12]}..., "
                f"expected {source.tree[:12]}...; remove it and try again"
            )
        target = self.source_folder(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        tops[0].rename(target)
        scratch.rmdir()
        return found

    def _make_venv(self, python: str) -> None:
        venv = self.folder / "venv"
        if (uv := _uv()) is not None:
            offline = ["--offline"] if is_offline() else []
            self._run([uv, "venv", "--quiet", *offline, "--python", python, str(venv)])
        else:
            self._run([python, "-m", "venv", *([] if self._needs_own_pip() else ["--without-pip"]), str(venv)])
        if self.inherits:
            site = next(venv.glob("lib/python*/site-packages"))
            lines = "".join(f"{place}\n" for place in self._inherited())
            write_atomically(site / "codec_bench_parent.pth", lines.encode())

    def _inherited(self) -> list[str]:
        """Folders with packages of ours that it sees too. As entries of a `.pth` file they come after its own."""
        places = (sysconfig.get_paths()[key] for key in ("purelib", "platlib"))
        return list(dict.fromkeys(places)) if self.inherits else []

    def _base_python(self) -> str:
        """The interpreter for the environment; a version if uv provides one."""
        if self._has_our_version():
            return sys.executable
        pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
        names = [shutil.which(f"python{self.python}"), *sorted(pyenv.glob(f"versions/{self.python}.*/bin/python"))]
        found = next((str(name) for name in names if name is not None and _version_of(str(name)) == self.python), None)
        if found is not None or _uv() is not None:
            return found or self.python
        raise UnavailableError(
            f"the environment {self.name} needs Python {self.python}: install it, or uv, which downloads it "
            "(pip install uv)"
        )

    def _has_our_version(self) -> bool:
        return self.python in ("", f"{sys.version_info.major}.{sys.version_info.minor}")

    def _needs_own_pip(self) -> bool:
        """Whether our pip cannot install for it: ours may be too new for its Python, or there is none."""
        return not self._has_our_version() or importlib.util.find_spec("pip") is None

    def _installer(self) -> list[str]:
        """A command that installs into it what is appended."""
        has_pip = importlib.util.find_spec("pip") is not None
        # uv ignores inherited packages, and would install another torch.
        if (uv := _uv()) is not None and not (self.inherits and has_pip):
            offline = ["--offline"] if is_offline() else []
            return [uv, "pip", "install", *offline, "--compile-bytecode", "--python", str(self.interpreter)]
        if self._needs_own_pip():
            pip = [str(self.interpreter), "-m", "pip"]
        else:
            pip = [sys.executable, "-m", "pip", "--python", str(self.interpreter)]
        quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--no-color"]
        return [*pip, "install", *quiet, *(["--no-index"] if is_offline() else [])]

    def _inventory(self) -> dict[str, Any]:
        """Version of Python and of all packages of its own."""
        code = (
            "import importlib.metadata as m, json, sys, sysconfig;"
            "own = sorted({sysconfig.get_paths()[key] for key in ('purelib', 'platlib')});"
            "found = {d.metadata['Name']: d.version for d in m.distributions(path=own) if d.metadata['Name']};"
            "print(json.dumps({'python': sys.version.split()[0], 'packages': dict(sorted(found.items()))}))"
        )
        found: dict[str, Any] = json.loads(self._run([str(self.interpreter), "-I", "-c", code]))
        return found

    def _run(self, command: Sequence[str], detail: Report = lambda _: None) -> str:
        """Runs a step to its end; what it printed, or its last words as the reason why it failed."""
        environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        lines: deque[str] = deque(maxlen=200)
        with subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,  # whatever lies in the user's folder is not imported
            env=environment,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                for line in process.stdout or ():
                    lines.append(line)
                    detail(line.strip())
                process.wait()
            except BaseException:  # Ctrl-C: the installer and its children end before a retry
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        if process.returncode:
            words = " ".join("".join(lines).split())[-TAIL_CHARACTERS:]
            words = words or f"nothing, and ends with status {process.returncode}"
            raise UnavailableError(
                f"the environment {self.name} could not be created; {Path(command[0]).name}: {words}"
            )
        return "".join(lines)


def tree_digest(folder: Path) -> str:
    """SHA-256 over the sorted paths and digests of all files below a folder."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    lines = [f"{file_digest(path)}  {name}\n" for name, path in sorted(files.items())]
    return digest("".join(lines).encode())


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder, links not followed; 0 where there is none."""
    return sum(
        os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - there are tens of thousands
        for place, _, names in os.walk(folder)
        for name in names
    )


def _index_options() -> list[str]:
    """Wheels in the folder `wheels` of a mirror are found besides those of the package index."""
    return [f"--find-links={folder / 'wheels'}" for folder in mirrors() if (folder / "wheels").is_dir()]


def _uv() -> str | None:
    """The program uv, on the path or beside our Python, where pip puts it."""
    return shutil.which("uv") or shutil.which("uv", path=Path(sys.executable).parent)


def _version_of(python: str) -> str | None:
    """`3.10` for an interpreter; None for what is none, as pyenv's commands for versions that are not chosen."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
