"""Where weights and data sets come from: the user's folder and mirrors. Nothing else looks for files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from codec_bench.errors import UnavailableError
from codec_bench.files import file_digest


@dataclass(frozen=True)
class Weight:
    """A file of a model.

    Attributes:
        path: Where a mirror has it, e.g. `models/lyra_v2/lyragan.tflite`.
        sha256: Its digest in hexadecimal digits.
        size: Bytes.
        source: Where it is published.
    """

    path: str
    sha256: str
    size: int
    source: str = ""


def home() -> Path:
    """The folder for what was fetched and for the caches: `CODEC_BENCH_HOME`, else the user's cache folder."""
    named = os.environ.get("CODEC_BENCH_HOME")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "codec-bench"


def mirrors() -> list[Path]:
    """The folders that are searched, in order: those of `CODEC_BENCH_MIRROR` (separated like PATH), then `home()`."""
    named = os.environ.get("CODEC_BENCH_MIRROR", "")
    return [Path(part).expanduser() for part in named.split(os.pathsep) if part] + [home()]


def find(path: str) -> Path | None:
    """The first mirror's copy of `path`, or None."""
    return next((folder / path for folder in mirrors() if (folder / path).is_file()), None)


def locate(weight: Weight) -> Path:
    """A verified local copy of a weight.

    Raises:
        UnavailableError: No mirror has the file, or what it has is another file.
    """
    found = find(weight.path)
    if found is None:
        searched = ", ".join(str(folder) for folder in mirrors())
        raise UnavailableError(
            f"{weight.path} is in none of {searched}; "
            + (f"get it from {weight.source} and " if weight.source else "")
            + f"set CODEC_BENCH_MIRROR to the folder that holds {weight.path.split('/')[0]}/"
        )
    actual = file_digest(found)
    if actual != weight.sha256:
        raise UnavailableError(f"{found} is another file: sha256 {actual[:12]}..., expected {weight.sha256[:12]}...")
    return found
