"""Which systems and utterances of a run people will hear."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec_bench.errors import UsageError
from codec_bench.registry import unknown
from codec_bench.runs.directory import Run, slug


class NoAudioError(UsageError):
    """A run did not keep the audio that people would hear."""


@dataclass(frozen=True)
class ListeningItem:
    """An utterance of the test.

    Attributes:
        speaker: Empty if unknown.
        paths: The kept audio by label of the system, the reference among them.
        seconds: Length of the reference.
    """

    utterance: str
    speaker: str
    paths: dict[str, Path]
    seconds: float


def reference_of(run: Run) -> str:
    """Label of the clean recordings.

    Raises:
        UsageError: The run has no row for them, or is of another kind.
    """
    if run.kind != "reconstruction":
        raise UsageError(f"{run.path} is a run of the kind {run.kind!r}: there is nothing to listen to")
    for label, system in run.systems.items():
        if system["group"] == "reference" and not system.get("condition"):
            return label
    raise UsageError(f"{run.path} has no row of the recordings: repeat its command without --no-ground-truth")


def choose_systems(run: Run, wanted: Sequence[str], most: int) -> list[str]:
    """Labels of at most `most` systems: those that are wanted, or else every clean row but the recordings.

    Raises:
        UsageError: A label is not known or is the reference, or there are too many.
    """
    reference = reference_of(run)
    offered = [label for label in run.systems if label != reference]
    for label in wanted:
        if label == reference:
            raise UsageError(f"{label!r} is the reference, which is in every test: leave it out of --systems")
        if label not in offered:
            raise UsageError(unknown("system", label, offered))
    chosen = list(dict.fromkeys(wanted or [s for s in offered if not run.systems[s].get("condition")]))
    if not chosen:
        raise UsageError(f"{run.path} has no system besides the recordings")
    if len(chosen) > most:
        raise UsageError(
            f"{len(chosen)} systems are too many for one page, {most} fit: choose with --systems from "
            f"{', '.join(offered)}"
        )
    return chosen


def choose_items(
    run: Run,
    systems: Sequence[str],
    count: int,
    seed: int,
    seconds: tuple[float, float],
    only: Container[str] | None = None,
) -> tuple[list[ListeningItem], int]:
    """Draws utterances that every system has decoded, as evenly over the speakers as they allow.

    One utterance of every speaker comes before the second one of any; which ones, and which speakers come first where
    they are more than `count` (0 for all), is drawn. `seconds` are the shortest and the longest reference, `only` the
    ids of those that may be drawn.

    Returns:
        The items, and how many there were to draw from.

    Raises:
        UsageError: No audio was kept, or fewer than `count` utterances qualify.
    """
    candidates = _candidates(run, systems, seconds, only)
    count = count or len(candidates)
    if len(candidates) < max(1, count):
        raise UsageError(
            f"{len(candidates)} utterances of {run.path} last {seconds[0]:g} to {seconds[1]:g} s and have audio of all "
            f"systems, {max(1, count)} are needed: change --items, --min-seconds or --max-seconds"
        )
    generator = np.random.default_rng([seed, 1])
    turns: dict[str, int] = {}
    ranked: list[tuple[int, int, ListeningItem]] = []
    for index in generator.permutation(len(candidates)):
        item = candidates[index]
        speaker = item.speaker or item.utterance  # an unknown speaker is one of their own
        turns[speaker] = turns.get(speaker, -1) + 1
        ranked.append((turns[speaker], len(ranked), item))
    return [item for _, _, item in sorted(ranked, key=lambda r: r[:2])[:count]], len(candidates)


def _candidates(
    run: Run, systems: Sequence[str], seconds: tuple[float, float], only: Container[str] | None
) -> list[ListeningItem]:
    import soundfile

    reference = reference_of(run)
    folders = {label: run.path / "audio" / slug(label) for label in [reference, *systems]}
    missing = [label for label, folder in folders.items() if not folder.is_dir()]
    if missing:
        raise NoAudioError(f"{run.path} has no audio of {', '.join(missing)}: repeat the run with --keep-audio")
    found = []
    for row in run.utterances.to_dict("records"):
        if only is not None and row["id"] not in only:
            continue
        paths = {label: run.kept("audio", label, row["id"]) for label in folders}
        if all(path.is_file() for path in paths.values()):
            try:
                length = float(soundfile.info(paths[reference]).duration)
            except soundfile.LibsndfileError as error:
                raise UsageError(f"{paths[reference]} cannot be read: {error}") from error
            if seconds[0] <= length <= seconds[1]:
                found.append(ListeningItem(row["id"], row["speaker"], paths, length))
    return found
