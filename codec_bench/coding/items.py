"""The utterances that are measured: found, hashed, described."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

from codec_bench.datasets.dataset import Dataset
from codec_bench.datasets.manifest import check_distinct, check_id, load_transcripts
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.faults import contained, explained
from codec_bench.files import digest, file_digest
from codec_bench.identity import source_of
from codec_bench.records import Status, Utterance


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


def resolve_items(
    loaded: Dataset,
    warnings: list[str],
    *,
    only: Sequence[str] | None = None,
    limit: int | None = None,
    text: Path | None = None,
) -> tuple[Item, ...]:
    """Brings a data set here, takes the wanted utterances in its order, and hashes their recordings.

    Args:
        loaded: The data set.
        warnings: What the user should know is added here.
        only: Ids to take; all by default.
        limit: How many to take at most.
        text: TSV file with transcripts that replace those of the data set.

    Raises:
        UsageError: No utterance is left, an id cannot name a file or cannot be told from another, or none of the
            recordings can be read.
    """
    utterances = _listed(loaded, None if only is None else set(only), limit)
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
    return items


def _listed(loaded: Dataset, ids: set[str] | None, limit: int | None) -> list[Utterance]:
    """The utterances of a data set, which may be a plug-in that raises anything."""

    def listed() -> list[Utterance]:
        loaded.fetch()
        found = list(islice((u for u in _checked(loaded.utterances()) if ids is None or u.id in ids), limit))
        for note in loaded.notes():
            if not isinstance(note, str):
                raise TypeError(f"`notes` gives texts, not {note!r:.60}")
        return found

    try:
        return contained(listed)
    except CodecBenchError:
        raise
    except Exception as error:
        whole = _whole(loaded)
        if source_of(whole) is None:
            raise
        told = explained(error, type(whole).utterances)
        raise UsageError(f"data set {loaded.name!r} cannot be read: {told}") from error


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
    texts = load_transcripts(path)
    known = [u for u in utterances if u.id in texts]
    if not known:
        raise UsageError(
            f"{path} has a text for none of the {len(utterances)} utterances (first id: {utterances[0].id})"
        )
    if len(known) < len(utterances):
        warnings.append(f"{path} has no text for {len(utterances) - len(known)} of {len(utterances)} utterances")
    return [replace(u, text=texts.get(u.id)) for u in utterances]


def manifest_of(items: Sequence[Item]) -> bytes:
    """`utterances.csv`: utterances by content."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "speaker", "language", "sha256", "text"])
    for item in items:
        u = item.utterance
        writer.writerow([u.id, u.speaker or "", u.language or "", item.digest, u.text or ""])
    return text.getvalue().encode()


def describe_dataset(dataset: Dataset, items: Sequence[Item]) -> dict[str, Any]:
    """A data set as `run.json` keeps it, for runs of every kind."""
    return {
        "name": dataset.name,
        "title": dataset.title,
        "licence": dataset.licence,
        "source": dataset.source,
        "synthetic": dataset.synthetic,
        "notes": dataset.notes(),
        "utterances": len(items),
        "speakers": len({i.utterance.speaker for i in items if i.utterance.speaker}),
        "manifest_sha256": digest(manifest_of(items)),
        **({"identity": source.describe()} if (source := source_of(_whole(dataset))) is not None else {}),
    }
