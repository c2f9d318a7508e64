"""Codecs whose published weights can be replaced by those of another checkpoint of the same architecture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Protocol, runtime_checkable

from typing_extensions import override

from codec_bench.adapters.codec import Codec
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile, local_digest, locate


@runtime_checkable
class TakesCheckpoint(Protocol):
    """A codec whose weights can be replaced by those of another checkpoint of the same architecture."""

    def use_checkpoint(self, path: Path) -> None:
        """Takes weights from a file, or from the files of a folder, from now on.

        Raises:
            UsageError: There is nothing to take.
        """


class ReplaceableCodec(Codec):
    """A codec loaded from files that `--checkpoint` may replace.

    Class attributes:
        checkpoint_file: The published file that a single-file checkpoint replaces, where there are several. A codec
            without published files finds the checkpoint under this name; by default it takes none.
    """

    checkpoint_file: ClassVar[str] = ""

    _replaced: Mapping[str, Path] = MappingProxyType({})

    def use_checkpoint(self, path: Path) -> None:
        """Takes weights from a file that replaces `checkpoint_file`, or from those files of a folder that have
        published names; to be called before `load`.

        Raises:
            UnavailableError: There is nothing to take.
        """
        self.close()
        names = names_of(self.spec.weights)
        if not names and self.checkpoint_file:
            names = {self.checkpoint_file: self.checkpoint_file}
        if not names:
            raise UnavailableError(
                f"{self.name} is loaded from no files, so a checkpoint cannot replace any: give its class a "
                "`checkpoint_file`, the name that it is loaded by"
            )
        if not path.exists():
            raise UnavailableError(f"the checkpoint {path} does not exist")
        if path.is_file():
            places = [place for place, name in names.items() if len(names) == 1 or name == self.checkpoint_file]
            if not places:
                known = ", ".join(names.values())
                raise UnavailableError(f"{self.name} has several files: name a folder with some of {known}")
            self._replaced = {places[0]: path}
            return
        found = {place: path / name for place, name in names.items()}
        replaced = {place: file for place, file in found.items() if file.is_file()}
        if not replaced:
            raise UnavailableError(f"{path} has none of the files of {self.name}: {', '.join(names.values())}")
        self._replaced = replaced

    @property
    def replaced(self) -> Mapping[str, Path]:
        """The files of a checkpoint, by the paths of the published ones in whose place they are."""
        return self._replaced

    def weight_files(self) -> dict[str, Path]:
        """Where each file is that the codec is loaded from, by the path of the published one that it may replace.

        Raises:
            UnavailableError: A file is missing.
        """
        published = {weight.path: self._replaced.get(weight.path) or locate(weight) for weight in self.spec.weights}
        return published | dict(self._replaced)

    @override
    def needed_weights(self) -> tuple[RemoteFile, ...]:
        return tuple(weight for weight in self.spec.weights if weight.path not in self._replaced)

    @override
    def weight_digests(self) -> dict[str, str]:
        return super().weight_digests() | {path: local_digest(file) for path, file in self._replaced.items()}


def file_name(path: str) -> str:
    """The name of a file in its repository, from its path in a mirror.

    >>> file_name("hf/org/repo/sub/x.pt"), file_name("models/lyra_v2/x.tflite")
    ('sub/x.pt', 'x.tflite')
    """
    return path.split("/", 3)[3] if path.startswith("hf/") else path.rsplit("/", 1)[-1]


def names_of(weights: tuple[RemoteFile, ...]) -> dict[str, str]:
    """The name of each file, by its path: inside its repository, or the path where two repositories share the name.

    >>> names_of((RemoteFile("hf/a/b/x.pt"), RemoteFile("hf/a/c/x.pt"), RemoteFile("hf/a/c/sub/y.pt")))
    {'hf/a/b/x.pt': 'hf/a/b/x.pt', 'hf/a/c/x.pt': 'hf/a/c/x.pt', 'hf/a/c/sub/y.pt': 'sub/y.pt'}
    """
    counts = Counter(file_name(weight.path) for weight in weights)
    return {w.path: file_name(w.path) if counts[file_name(w.path)] == 1 else w.path for w in weights}
