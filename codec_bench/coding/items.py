"""The utterances that are measured: found, hashed, described."""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

from codec_bench.datasets.dataset import Dataset, Listed, ListedDataset
from codec_bench.datasets.manifest import check_distinct, check_id, load_transcripts
from codec_bench.datasets.parts import Part, speakers_of
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.faults import contained, explained
from codec_bench.files import digest, file_digest
from codec_bench.identity import source_of
from codec_bench.records import Status, Utterance

WHOLE = Part()
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Item:
    """An utterance of a plan.

    Attributes:
        utterance: As the data set gave it, with the transcript that the run uses.
        digest: SHA-256 of the audio file; empty if the file cannot be read.
        problem: Why it cannot be read.
        status: The kind of problem.
    """

    utterance: Utterance
    digest: str
    problem: str = ""
    status: Status = Status.OK

    @property
    def identity(self) -> str:
        """Content address of the recording."""
        return f"file:{self.digest}"


@dataclass(frozen=True)
class Selection:
    """The utterances of a plan.

    Attributes:
        items: In the order of the data set.
        sample: What they were drawn from (see `Part.describe`), if they were.
    """

    items: tuple[Item, ...]
    sample: Mapping[str, Any]


def resolve_items(
    loaded: Dataset,
    warnings: list[str],
    *,
    only: Sequence[str] | None = None,
    part: Part = WHOLE,
    text: Path | None = None,
) -> Selection:
    """Brings a data set here, takes the wanted utterances in its order, and hashes their recordings.

    Args:
        loaded: The data set.
        warnings: What the user should know is added here.
        only: Ids to take; all by default.
        part: Which of these to take.
        text: TSV file with transcripts that replace those of the data set.

    Raises:
        UsageError: No utterance is left, an id cannot name a file or cannot be told from another, or none of the
            recordings can be read.
    """
    utterances, facts, warning = _chosen(loaded, None if only is None else set(only), part)
    warnings += [warning] if warning else []
    if not utterances:
        raise UsageError(f"data set {loaded.name!r} has none of the requested utterances")
    for utterance in utterances:
        check_id(utterance.id, f"data set {loaded.name}")
    check_distinct((utterance.id for utterance in utterances), f"data set {loaded.name}")
    if text is not None:
        utterances = with_transcripts(utterances, text, warnings)
    with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) * 2)) as threads:
        items = tuple(threads.map(resolved, utterances))
    unreadable = [i for i in items if i.problem]
    if len(unreadable) == len(items):
        raise UsageError(f"none of the {len(items)} audio files can be read: {unreadable[0].problem}")
    return Selection(items, facts)


def _chosen(loaded: Dataset, ids: set[str] | None, part: Part) -> tuple[list[Utterance], dict[str, Any], str]:
    """The utterances of a part of a data set, which may be a plug-in that raises anything.

    Returns:
        The utterances, what `Selection.sample` holds, and what the user should know; empty for nothing.
    """

    def chosen() -> tuple[list[Utterance], dict[str, Any], str]:
        loaded.fetch()
        entries, is_all = _entries(loaded, ids, part)
        found = list(_checked(entries[place].made() for place in part.places(entries)))
        for note in loaded.notes():
            if not isinstance(note, str):
                raise TypeError(f"`notes` gives texts, not {note!r:.60}")
        return found, part.describe(entries), part.warning(entries) if is_all else _open_ended(found)

    try:
        return contained(chosen)
    except CodecBenchError:
        raise
    except Exception as error:
        whole = _whole(loaded)
        if source_of(whole) is None:
            raise
        told = explained(error, type(whole).utterances)
        raise UsageError(f"data set {loaded.name!r} cannot be read: {told}") from error


def _entries(loaded: Dataset, ids: set[str] | None, part: Part) -> tuple[Sequence[Listed], bool]:
    """What of a data set a part is taken from, and whether that is all of it.

    A set that is no list need not end, and one that changes what its base class lists is none: of these, no more is
    made than is needed.
    """
    if isinstance(loaded, ListedDataset) and type(loaded).utterances is ListedDataset.utterances:
        return [entry for entry in loaded.listed() if ids is None or entry.id in ids], True
    found = list(islice((u for u in _checked(loaded.utterances()) if ids is None or u.id in ids), part.limit))
    return [Listed.of(utterance) for utterance in found], part.limit is None or len(found) < part.limit


def _open_ended(utterances: Sequence[Utterance]) -> str:
    """What must be known of a limit where nobody knows how much was cut off."""
    speakers, count = len(speakers_of(utterances)), len(utterances)
    if not speakers:
        return ""
    return (
        f"the first {count} utterances are no sample of the speakers: they hold {speakers}, of how many is not known; "
        f"use --sample {count}"
    )


def _checked(utterances: Iterable[Utterance]) -> Iterator[Utterance]:
    """Utterances that are ones; a path may be given as text.

    Raises:
        TypeError: One of them is something else.
    """
    for number, utterance in enumerate(utterances, 1):
        made: Any = utterance
        if not isinstance(made, Utterance):
            raise TypeError(f"utterance {number} is {made!r:.60}, not an Utterance")
        name, path = cast("tuple[Any, Any]", (made.id, made.path))
        if not isinstance(name, str):
            raise TypeError(f"the id of utterance {number} is {name!r:.60}, not a text")
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"the path of utterance {name!r:.60} is {path!r:.60}, not a Path")
        yield made if isinstance(path, Path) else replace(made, path=Path(path))


def _whole(dataset: Dataset) -> Dataset:
    """The data set that `dataset` is the beginning of, or itself."""
    whole: Dataset = getattr(dataset, "whole", dataset)
    return whole


def resolved(utterance: Utterance) -> Item:
    """The utterance with the digest of its recording, or with what keeps that from being read."""
    try:
        return Item(utterance, file_digest(utterance.path))
    except FileNotFoundError:
        return Item(utterance, "", f"{utterance.path} does not exist", Status.MISSING)
    except OSError as error:
        return Item(utterance, "", f"{utterance.path} cannot be read: {error.strerror}", Status.UNREADABLE)


def with_transcripts(utterances: Sequence[Utterance], path: Path, warnings: list[str]) -> list[Utterance]:
    """The utterances with the texts of a TSV file; those that it does not name keep none."""
    by_id = {unicodedata.normalize("NFC", name): text for name, text in load_transcripts(path).items()}
    texts = {u.id: by_id.get(unicodedata.normalize("NFC", u.id)) for u in utterances}
    known = [u for u in utterances if texts[u.id]]
    if not known:
        raise UsageError(
            f"{path} has a text for none of the {len(utterances)} utterances (first id: {utterances[0].id})"
        )
    if len(known) < len(utterances):
        warnings.append(f"{path} has no text for {len(utterances) - len(known)} of {len(utterances)} utterances")
    return [replace(u, text=texts[u.id]) for u in utterances]


def manifest_of(items: Sequence[Item]) -> bytes:
    """`utterances.csv`: utterances by content."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "speaker", "language", "sha256", "text"])
    for item in items:
        u = item.utterance
        writer.writerow([u.id, u.speaker or "", u.language or "", item.digest, u.text or ""])
    return text.getvalue().encode()


def describe_dataset(dataset: Dataset, items: Sequence[Item], sample: Mapping[str, Any] = _NOTHING) -> dict[str, Any]:
    """A data set as `run.json` keeps it, for runs of every kind; for `sample` see `Selection`."""
    return {
        "name": dataset.name,
        "title": dataset.title,
        "licence": dataset.licence,
        "source": dataset.source,
        "synthetic": dataset.synthetic,
        "notes": dataset.notes(),
        **describe_items(items),
        **sample,
        **({"identity": source.describe()} if (source := source_of(_whole(dataset))) is not None else {}),
    }


def describe_items(items: Sequence[Item]) -> dict[str, Any]:
    """What of a data set is measured, as `run.json` keeps it."""
    return {
        "utterances": len(items),
        "speakers": len(speakers_of([item.utterance for item in items])),
        "manifest_sha256": digest(manifest_of(items)),
    }
