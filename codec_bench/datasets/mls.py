"""Multilingual LibriSpeech (Pratap et al., Interspeech 2020): clips of its test splits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np
from typing_extensions import override

from codec_bench.audio import RESAMPLER, read_audio, resample
from codec_bench.datasets.clips import Clips, write_samples
from codec_bench.datasets.corpus import DEMO, Corpus, Count
from codec_bench.datasets.dataset import Access, State
from codec_bench.datasets.splits import draw, list_lines
from codec_bench.errors import UnavailableError
from codec_bench.files import digest, write_atomically
from codec_bench.hub import RemoteFile, fetch_all, home, local_digest
from codec_bench.records import NotScorable, Utterance
from codec_bench.unpack import extract

CLIPS = 500
"""Clips per language."""

SHORTEST, LONGEST = 5.0, 10.0
"""Seconds that a clip lasts, both included."""

RATE = 16_000
"""Sampling rate in Hz of the corpus, and of all clips."""

RULE = "1"
"""Changes with anything that changes a clip, so that none is taken that another rule has cut."""

REVISION = "2e83e61823b4c47dcbcb1980bb88601274127609"
"""Revision of `facebook/multilingual_librispeech` on Hugging Face, which has separate test splits, as FLAC."""

SUFFIXES = (".flac", ".opus")
"""The published formats of the recordings, best one first."""

_LIMIT = 10**10  # bytes that one archive may unpack to; the largest holds a book of a few hundred megabytes


class Mls(Corpus):
    """500 clips of 5 to 10 seconds of one language's test split, 16 kHz.

    Stable-Codec (Parker et al., 2024) tests on 500 random clips of 5 to 10 seconds per language, and states neither
    split, nor list, nor seed, nor how recordings that mostly last 10 to 20 seconds became clips. The rule here needs no
    random generator, so that everybody gets the same clips:

    - The recordings of the test split that last at least 5 s by `segments.txt` are ordered by the SHA-256 of
      `codec-bench/mls/CODE/ID`, where CODE is the language's, e.g. `de`; the first 500 are taken, in this order.
    - Of that digest, the 16 hexadecimal digits from the 32nd and from the 48th on give u and v in [0, 1); the leading
      digits decide the order and are not uniform any more.
    - The clip of a recording of d seconds lasts L = 5 + u * (min(d, 10) - 5) seconds and starts at v * (d - L).

    A clip holds a part of what the transcript says, so that its text is None. Clips are written once as 16-bit FLAC
    below `datasets/clips/` of the hub's home.

    Fetching downloads the FLAC archives of the test split that Hugging Face has next to its Parquet files; these have
    35 kbit/s, so they are compressed already and no reference for a codec. The archive of the makers holds all splits
    (6 to 115 GB). A `data_root` with Opus recordings is taken, and noted.
    """

    licence = "CC BY 4.0"
    source = "https://www.openslr.org/94"
    marker = "audio/*"
    expected = Count(CLIPS)
    code: ClassVar[str]
    repository: ClassVar[str] = f"https://huggingface.co/datasets/facebook/multilingual_librispeech/resolve/{REVISION}"

    def _index(self, root: Path) -> Sequence[Utterance]:
        drawn = self._drawn(root)
        paths = _recordings(root / "audio", frozenset(drawn))
        compressed = sum(path.suffix == ".opus" for path in paths.values())
        if compressed:
            self._note(f"{compressed} of the recordings were compressed with Opus before")
        return [self._utterance(root, id_, paths.get(id_)) for id_ in drawn]

    def _drawn(self, root: Path) -> list[str]:
        """The ids of the clips in their order."""
        seconds = _durations(root / "segments.txt")
        long_enough = [id_ for id_, duration in seconds.items() if duration >= SHORTEST]
        return draw(long_enough, f"codec-bench/mls/{self.code}")[:CLIPS]

    def _utterance(self, root: Path, id_: str, path: Path | None) -> Utterance:
        speaker, book, _ = id_.split("_")
        path = path or root / "audio" / speaker / book / f"{id_}{SUFFIXES[0]}"
        return Utterance(id_, path, None, speaker, self.code, labels={"split": "test", "book": book})

    def _complete(self, utterance: Utterance) -> Utterance:
        """The clip in place of the recording; a recording that cannot be read stays, and the run says so."""
        try:
            content = local_digest(utterance.path)
            cut = digest(f"{RULE} {RESAMPLER} {content}".encode())
            clip = Clips(self.name).folder / f"{utterance.id}-{cut[:16]}.flac"
            if clip.is_file():
                return replace(utterance, path=clip)
            samples = resample(read_audio(utterance.path), RATE).samples
            if local_digest(utterance.path) != content:
                return utterance  # it changed in between: no clip may bear the name of the other
        except (NotScorable, OSError):
            return utterance
        start, length = crop(self.code, utterance.id, len(samples), RATE)
        steps = np.rint(samples[start : start + length] * np.float32(32_768))  # exact for what was 16 bits before
        made = write_samples(clip.with_suffix(""), np.clip(steps, -32_768, 32_767).astype(np.int16)[:, None], RATE)
        return replace(utterance, path=made)

    @override
    def fetch(self) -> None:
        if self.data_root is not None or self._is_complete():
            return
        what, folder = f"dataset:{self.name}", home() / "datasets" / Path(*self.inside)
        try:
            names, segments = fetch_all([self._remote("audio_filenames.txt"), self._remote("segments.txt")], what)
            if segments != folder / "segments.txt":
                write_atomically(folder / "segments.txt", segments.read_bytes())
            wanted = frozenset(self._drawn(folder))
            archives = fetch_all([self._remote(f"audio/{name}") for name in _archive_names(names)], what)
        except UnavailableError as error:
            raise UnavailableError(f"{self.name} cannot be fetched ({error}): {self._remedy()}") from error
        for archive in archives:
            extract(archive, folder / "audio", lambda name: _is_wanted(name, wanted), _LIMIT)
        for archive in archives:  # only now, so that a later call need not download them again
            if archive.is_relative_to(home()):
                archive.unlink()
        self.utterances()  # says what the archives lack

    def _remote(self, name: str) -> RemoteFile:
        """A file of the test split on Hugging Face; archives lie apart from what is unpacked."""
        language, split = self.inside
        path = f"datasets/{language}/{split}/{name.replace('audio/', 'archives/')}"
        return RemoteFile(path, source=f"{self.repository}/data/{language}/{split}/{name}")

    @override
    def state(self) -> State:
        roots = self._roots()
        return State(Access.HERE, str(roots[0])) if roots else State(Access.FETCH, self.size_text)

    @override
    def notes(self) -> list[str]:
        rule = "500 clips of 5 to 10 s by codec-bench's own rule; Stable-Codec publishes neither list nor seed"
        return [f"{self.name}: {rule}", *super().notes()]

    def _remedy(self) -> str:
        language = self.inside[0]
        where = f"https://dl.fbaipublicfiles.com/mls/{language}.tar.gz"
        return f"extract {language}/test from {where} and give the folder {language} with --data-root, or {DEMO}"


def crop(code: str, id_: str, samples: int, rate: int) -> tuple[int, int]:
    """Where the clip of a recording starts and how long it is, in samples; see `Mls` for the rule.

    Args:
        code: ISO 639-1 code of the language.
        id_: Id of the recording.
        samples: Length of the recording; one of less than 5 s is taken whole.
        rate: Sampling rate in Hz.

    >>> crop("de", "1_2_000003", 240_000, 16_000)
    (26980, 135420)
    """
    hexadecimal = digest(f"codec-bench/mls/{code}/{id_}".encode())
    u, v = (int(hexadecimal[n : n + 16], 16) / 2**64 for n in (32, 48))
    seconds = SHORTEST + u * (min(samples / rate, LONGEST) - SHORTEST)
    length = min(round(seconds * rate), samples)
    return int(v * (samples - length)), length


def _durations(path: Path) -> dict[str, float]:
    """Seconds by id, from a table of id, address of the audiobook, begin and end in seconds."""
    found = {}
    for n, line in enumerate(list_lines(path), 1):
        fields = line.split("\t")
        try:
            id_, _, begin, end = fields
            found[id_] = float(end) - float(begin)
        except ValueError:
            raise UnavailableError(
                f"{path}, line {n}: no id, address, begin and end: unpack the corpus again"
            ) from None
        if not re.fullmatch(r"\d+_\d+_\d+", id_):
            raise UnavailableError(f"{path}, line {n}: {id_[:60]!r} is not an id of the corpus: unpack it again")
    return found


def _recordings(folder: Path, ids: frozenset[str]) -> Mapping[str, Path]:
    """The recordings of these ids anywhere below a folder, in the best format that is there."""
    found = [path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.stem in ids]
    return {path.stem: path for path in sorted(found, key=lambda path: SUFFIXES.index(path.suffix), reverse=True)}


def _archive_names(listing: Path) -> list[str]:
    """The names of the archives of a split; they become names of files here."""
    names = [line.strip() for line in list_lines(listing) if line.strip()]
    other = [name for name in names if not re.fullmatch(r"\d+_\d+_\d+\.tar\.gz", name)]
    if other or not names:
        what = f"it lists {other[0][:60]!r}" if other else "it is empty"
        raise UnavailableError(f"{listing} is not what it should be: {what}")
    return names


def _is_wanted(name: str, ids: frozenset[str]) -> bool:
    path = PurePosixPath(name)
    return path.suffix in SUFFIXES and path.stem in ids


def _of_language(code: str, language: str, rough_size: int) -> type[Mls]:
    facts = {
        "name": f"mls-{code}",
        "title": f"MLS {language}: {CLIPS} clips of 5 to 10 s of the test split, by our own rule, 16 kHz",
        "inside": (f"mls_{language.lower()}", "test"),
        "code": code,
        "rough_size": rough_size,
        "__doc__": f"`Mls` of {language}.",
    }
    return type(f"Mls{language}", (Mls,), facts)


LANGUAGES = {
    f"mls-{code}": _of_language(code, language, rough_size)
    for code, language, rough_size in (
        ("de", "German", 860_000_000),  # 3,394 recordings, 14.29 hours
        ("nl", "Dutch", 770_000_000),  # 3,075, 12.76
        ("fr", "French", 600_000_000),  # 2,426, 10.07
        ("es", "Spanish", 600_000_000),  # 2,385, 10.00
        ("it", "Italian", 320_000_000),  # 1,262, 5.27
        ("pt", "Portuguese", 220_000_000),  # 871, 3.74
        ("pl", "Polish", 130_000_000),  # 520, 2.14
    )
}
"""Each language by the name of its data set, with the bytes to download, roughly: about 60 MB per hour."""
