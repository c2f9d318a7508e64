"""A virtual environment: which Python and which installer make it, and what is in it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codec_bench.errors import DiskFullError, UnavailableError
from codec_bench.files import write_atomically
from codec_bench.guard import guarded
from codec_bench.hub import is_offline, mirrors

TAIL_CHARACTERS = 600
"""How much of the last words of a failed step a message quotes."""

NOT_PASSED_ON = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")
"""Variables that would have packages put, or found, somewhere else."""

FULL = ("No space left on device", "Disk quota exceeded")
"""What installers print of a full disk."""

WITHOUT_CUDA = Path(__file__).with_name("torchaudio_without_cuda.py")

Announce = Callable[[str], None]


@dataclass(frozen=True)
class VirtualEnvironment:
    """A Python with packages of its own, made by uv where it is installed, otherwise by venv and pip.

    Attributes:
        name: For messages.
        folder: Holds it, in `venv`; commands run there, so that nothing in the user's folder is imported.
        python: Version of the interpreter, e.g. `3.10`; empty for ours.
        inherits: Whether our own packages are visible too, after its own.
    """

    name: str
    folder: Path
    python: str = ""
    inherits: bool = False

    @property
    def interpreter(self) -> Path:
        """Its Python."""
        return self.folder / "venv" / "bin" / "python"

    def make(self) -> None:
        """Makes it, without packages.

        Raises:
            UnavailableError: It cannot be made, or there is no such Python; `base` says so ahead.
        """
        python, venv = self.base(), self.folder / "venv"
        if (uv := _uv()) is not None:
            offline = ["--offline"] if is_offline() else []
            self._run([uv, "venv", "--quiet", *offline, "--python", python, str(venv)])
        else:
            self._run([python, "-m", "venv", *([] if self._needs_own_pip() else ["--without-pip"]), str(venv)])
        if self.inherits:
            site = next(venv.glob("lib/python*/site-packages"))
            lines = "".join(f"{place}\n" for place in self.inherited())
            write_atomically(site / "codec_bench_parent.pth", lines.encode())

    def inherited(self) -> list[str]:
        """Folders with packages of ours that it sees too. As entries of a `.pth` file they come after its own."""
        places = (sysconfig.get_paths()[key] for key in ("purelib", "platlib"))
        return list(dict.fromkeys(places)) if self.inherits else []

    def base(self) -> str:
        """The interpreter to make it with; a version if uv provides one.

        Raises:
            UnavailableError: There is no such Python.
        """
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

    def install(self, packages: Sequence[str], options: Sequence[str], detail: Announce) -> None:
        """Installs packages, with more options of the installer.

        Raises:
            UnavailableError: One of them cannot be installed.
            DiskFullError: No room left.
        """
        self._run([*self._installer(), *_index_options(), *options, *packages], detail)

    def borrow(self, packages: Sequence[str], detail: Announce) -> None:
        """Installs those of our packages that we lack; what we have is seen as it is. Raises as `install` does."""
        if versioned := [package for package in packages if package != "torchaudio"]:
            self.install(versioned, (), detail)
        if "torchaudio" in packages and not self._can_import("torchaudio"):
            # Ours, if there is one, is linked with a CUDA that is not here; its own is put in front of it.
            wanted = torchaudio_beside(importlib.metadata.version("torch"))
            self.install([wanted], ("--no-deps", "--force-reinstall"), detail)
            self._run([str(self.interpreter), "-I", str(WITHOUT_CUDA)], detail)

    def _can_import(self, module: str) -> bool:
        command = [str(self.interpreter), "-I", "-c", f"import {module}"]
        return subprocess.run(command, capture_output=True, check=False, cwd=self.folder).returncode == 0

    def inventory(self) -> dict[str, Any]:
        """Its `python`, the version, and its own `packages` with their versions."""
        code = (
            "import importlib.metadata as m, json, sys, sysconfig;"
            "own = sorted({sysconfig.get_paths()[key] for key in ('purelib', 'platlib')});"
            "found = {d.metadata['Name']: d.version for d in m.distributions(path=own) if d.metadata['Name']};"
            "print(json.dumps({'python': sys.version.split()[0], 'packages': dict(sorted(found.items()))}))"
        )
        found: dict[str, Any] = json.loads(self._run([str(self.interpreter), "-I", "-c", code]))
        return found

    def _run(self, command: Sequence[str], detail: Announce = lambda _: None) -> str:
        """Runs a step to its end; what it printed, or its last words as the reason why it failed."""
        environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        lines: deque[str] = deque(maxlen=200)
        with subprocess.Popen(
            guarded(command),
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
                process.terminate()
                raise
        if process.returncode:
            if any(full in line for full in FULL for line in lines):
                raise DiskFullError(
                    f"no space left for the environment {self.name}, on the disk of {self.folder.parent} or of "
                    f"{tempfile.gettempdir()}, where packages are unpacked: free some space there, or set TMPDIR to a "
                    "folder with more of it, then run the same command again"
                )
            words = " ".join("".join(lines).split())[-TAIL_CHARACTERS:]
            words = words or f"nothing, and ends with status {process.returncode}"
            raise UnavailableError(
                f"the environment {self.name} could not be created; {Path(command[0]).name}: {words}"
            )
        return "".join(lines)


def torchaudio_beside(torch: str) -> str:
    """The torchaudio to install for a version of torch; from 2.11 on it is not bound to one.

    >>> torchaudio_beside("2.6.0+cu124"), torchaudio_beside("2.13.0+cpu")
    ('torchaudio==2.6.*', 'torchaudio>=2.11')
    """
    major, minor = map(int, torch.split(".")[:2])
    return f"torchaudio=={major}.{minor}.*" if (major, minor) < (2, 11) else "torchaudio>=2.11"


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
