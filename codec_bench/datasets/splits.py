"""What probe corpora share: names that hold labels, draws that need no generator, and lists published apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import ceil
from pathlib import Path
from typing import ClassVar, NamedTuple

from typing_extensions import override

from codec_bench.datasets.corpus import Corpus
from codec_bench.datasets.dataset import Access, State
from codec_bench.errors import UnavailableError
from codec_bench.files import digest
from codec_bench.hub import RemoteFile, fetch_all, is_published, mirrors
from codec_bench.records import Utterance


class NamedRecording(NamedTuple):
    """A recording whose name says what it is.

    Attributes:
        path: The file.
        fields: What the groups of the pattern matched in its stem.
    """

    path: Path
    fields: tuple[str, ...]


def recordings(root: Path, pattern: str, stem: str) -> dict[str, NamedRecording]:
    """The recordings below a folder whose stems have a form, by stem, sorted; other files are skipped.

    Args:
        root: The folder.
        pattern: Where they lie, for `Path.glob`.
        stem: Regular expression that the whole stem matches.

    Raises:
        UnavailableError: Two recordings have the same stem.
    """
    form = re.compile(stem)
    found: dict[str, NamedRecording] = {}
    for path in sorted(root.glob(pattern), key=lambda path: (path.stem, path)):
        match = form.fullmatch(path.stem)
        if match is None:
            continue
        if path.stem in found:
            raise UnavailableError(f"{root} holds {path.stem} twice: {found[path.stem].path} and {path}; remove one")
        found[path.stem] = NamedRecording(path, match.groups())
    return found


def draw(names: Iterable[str], seed: str) -> list[str]:
    """All names in the order of the SHA-256 of `SEED/NAME`: as good as random, and the same everywhere."""
    return sorted(names, key=lambda name: digest(f"{seed}/{name}".encode()))


def draw_split(ids: Iterable[str], seed: str) -> dict[str, str]:
    """`train`, `dev` or `test` by id, drawn without regard to speakers.

    A fifth of all is for testing and a fifth of the others for development, both rounded up.

    >>> list(draw_split(["a", "b", "c", "d", "e"], "seed").values()).count("train")
    3
    """
    order = draw(ids, seed)
    tests = ceil(0.2 * len(order))
    devs = ceil(0.2 * (len(order) - tests))
    return {name: "test" if n < tests else "dev" if n < tests + devs else "train" for n, name in enumerate(order)}


def draw_folds(groups: Sequence[Sequence[str]], count: int, seed: str) -> dict[str, str]:
    """A fold, `1` to `count`, by speaker: each group is drawn by itself and dealt out evenly.

    Args:
        groups: Speakers that the folds are to be balanced in, e.g. women and men.
        count: How many folds.
        seed: Seed of the draw.
    """
    return {name: str(n % count + 1) for group in groups for n, name in enumerate(draw(group, seed))}


def crossing_speakers(index: Sequence[Utterance]) -> str:
    """How many speakers of the test split are in training, too, in one line; empty if there are none."""
    speakers = {
        split: {u.speaker for u in index if u.labels.get("split") == split and u.speaker} for split in ("train", "test")
    }
    both = speakers["train"] & speakers["test"]
    return f"{len(both)} of the {len(speakers['test'])} speakers of the test split are in training, too" if both else ""


def list_lines(path: Path) -> list[str]:
    """The lines of a list that came with a corpus.

    Raises:
        UnavailableError: It is not there, or is not UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read ({error.strerror}): unpack the corpus again") from error
    except UnicodeDecodeError as error:
        raise UnavailableError(f"{path} is not UTF-8 text: unpack the corpus again") from error


class ListedCorpus(Corpus):
    """A corpus whose splits and labels are in lists that are published apart from the recordings.

    The lists are fetched even where the recordings are given with a `data_root`; a copy of the published list in that
    folder, or beside it, is taken instead.

    Class attributes:
        lists: What is fetched besides the archives.
    """

    lists: ClassVar[tuple[RemoteFile, ...]]

    @override
    def fetch(self) -> None:
        absent = [remote for remote in self.lists if self._find_list(remote) is None]
        if absent and (self.archives or self._roots()):
            fetch_all(absent, f"dataset:{self.name}")
        super().fetch()

    @override
    def state(self) -> State:
        state = super().state()
        absent = sum(self._find_list(remote) is None for remote in self.lists)
        if state.access is Access.HERE and absent:
            return State(Access.FETCH, f"{absent} lists; the recordings are in {state.detail}")
        return state

    @property
    @override
    def download_size(self) -> int | None:
        # Lists without a published size are small.
        if any(remote.size is None for remote in self.archives):
            return None
        return sum(remote.size or 0 for remote in (*self.archives, *self.lists)) or None

    def _list(self, remote: RemoteFile) -> list[str]:
        """The lines of one of the lists."""
        path = self._find_list(remote)
        if path is None:
            raise UnavailableError(
                f"{self.name} needs {remote.url}, which is missing: codec-bench fetch dataset:{self.name}, or put it "
                "beside the recordings"
            )
        return list_lines(path)

    def _find_list(self, remote: RemoteFile) -> Path | None:
        name = remote.path.rpartition("/")[2]
        paths = [folder / remote.path for folder in mirrors()]
        paths += [folder / name for root in self._roots() for folder in (root, root.parent)]
        return next((path for path in paths if path.is_file() and is_published(remote, path)), None)
