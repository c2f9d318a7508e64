"""Wheels and source archives that are made here, and what became of processes."""

from __future__ import annotations

import base64
import hashlib
import io
import signal
import tarfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

from codec_bench.environments import Source

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def wheel(folder: Path, name: str, version: str, code: str) -> Path:
    """A wheel (PEP 427) of one module."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},"
        f"{len(text.encode())}\n"
        for path, text in files.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as packed:
        for place, text in (files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}).items():
            packed.writestr(place, text)
    return path


def archive(mirror: Path, source: Source, files: Mapping[str, str]) -> Path:
    """An archive as GitHub packs it; names are those in it, with the folder at its top."""
    path = mirror / source.remote.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while is_alive(pid):
        assert time.monotonic() < deadline, "the process lives on"
        time.sleep(0.02)


def heed_ctrl_c() -> None:
    """For `preexec_fn`: what a shell starts in the background ignores Ctrl-C, and so does all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
