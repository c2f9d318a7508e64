"""Source trees with the import paths, class names, signatures and axis order of codecs on GitHub, and tiny networks.

Each module has `FILES` (what is in the tree) and `checkpoints(folder)`, which writes weights of the stand-in, in the
layout of the published ones, below a mirror. `install` packs both, so that an adapter finds what it would download.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source


def pack(mirror: Path, source: Source, files: Mapping[str, str]) -> None:
    """Writes the archive that GitHub would send for a commit, with other content."""
    path = mirror / source.remote.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            data = text.encode()
            info = tarfile.TarInfo(f"{source.repository.rpartition('/')[2]}-{source.commit}/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def environment(real: Environment, mirror: Path, files: Mapping[str, Mapping[str, str]]) -> Environment:
    """The environment of a codec, made here: its sources are stand-ins, and its packages are ours.

    Args:
        real: What the adapter declares.
        mirror: Where the sources are packed.
        files: Content of each source tree by repository.
    """
    sources = tuple(replace(source, tree=None) for source in real.sources)
    for source in sources:
        pack(mirror, source, files[source.repository])
    made = replace(real, requirements=(), without_dependencies=(), sources=sources, python="", inherits=True)
    made.create()
    return made


def use(patch: pytest.MonkeyPatch, made: Environment, *classes: type[IsolatedCodec]) -> None:
    """Lets codecs run in an environment that was made for the test."""
    for cls in classes:
        patch.setattr(cls, "environment", made)
