"""Whether a folder of results can be believed: every file alone, all of them together, and against what was there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePosixPath

import numpy as np

from codec_bench.files import digest, read_file
from codec_bench.publishing.folder import MAX_BYTES, Entry, place_of, read_folder
from codec_bench.publishing.packing import GROUND_TRUTH
from codec_bench.publishing.result import PublishedMetric, Result, private_part, texts_of
from codec_bench.publishing.scores import Scores, Sides, read_scores, recomputed

LEAST_COVERAGE = 0.95
"""Share of utterances that need a value; a metric with fewer is refused."""

MAX_LAG_MS = 2.0
MISALIGNED_STOI = 0.3
NATURAL_MOS = 3.0
"""STOI below the one and an opinion score above the other: audio that sounds good and lies elsewhere in time."""

CLOSE = 1e-6
"""Relative difference between a stated value and the one that the scores give."""

SAME_REFERENCE = 1e-3
"""Relative difference between values of the recordings themselves on two machines."""

_CURE = "--align, or the delay of its codec, mends it"
_MIND_LAG = ("si_sdr", "stoi", "estoi", "mcd", "mel_distance", "stft_distance")
_OPINIONS = ("distillmos", "utmos", "nisqa", "sigmos", "dnsmos")


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a file, in one line; a warning is for readers, and refuses nothing."""

    place: PurePosixPath
    text: str
    is_warning: bool = False

    @property
    def line(self) -> str:
        """`results/opus/.../demo.json: ...`."""
        return f"{'warning: ' if self.is_warning else ''}{self.place}: {self.text}"


def check_folder(folder: Path, base: Path | None = None) -> tuple[list[Entry], list[Problem]]:
    """Checks a folder of results.

    Args:
        folder: The folder.
        base: An earlier state of it, e.g. of the branch that a pull request is for: what was published stays.

    Returns:
        Its files with the scores beside them, and what is wrong with them, in their order.

    Raises:
        UsageError: There is no such folder.
    """
    entries = list(read_folder(folder))
    problems = [Problem(entry.path, entry.problem) for entry in entries if entry.problem]
    results = [(entry.path, entry.result) for entry in entries if entry.result is not None]
    scores: dict[PurePosixPath, Sides] = {}
    for place, result in results:
        problems += [Problem(place, text) for text in _of_result(folder, place, result, scores)]
        problems += [Problem(place, text, is_warning=True) for text in _warnings(result)]
    for entry in entries:
        problems += [Problem(entry.path, text) for claim in entry.claims for text in _private(claim.model_dump())]
    problems += _strangers(folder, entries)
    problems += _together(results)
    if base is not None:
        problems += _against(results, list(read_folder(base)))
    entries = [replace(entry, sides=scores.get(entry.path)) for entry in entries]
    return entries, sorted(problems, key=lambda p: (p.place, p.is_warning))


def _of_result(folder: Path, place: PurePosixPath, result: Result, known: dict[PurePosixPath, Sides]) -> Iterator[str]:
    if place != place_of(result):
        yield f"belongs at {place_of(result)}, by what it says of its system, its data set and its condition"
    yield from _private(result.describe())
    yield from _of_time(result)
    yield from _of_system(result)
    yield from _of_bitrate(result)
    for metric in result.metrics:
        yield from (f"{metric.label}: {text}" for text in _of_metric(result, metric))
    yield from _of_alignment(result)
    yield from _of_files(folder, place, result)
    yield from _of_scores(folder, place, result, known)


def _private(plain: object) -> Iterator[str]:
    found = dict.fromkeys(filter(None, map(private_part, dict.fromkeys(texts_of(plain)))))
    yield from (f"holds {part!r}, which is somebody's own: a path or a password" for part in found)


def _of_time(result: Result) -> Iterator[str]:
    if datetime.fromisoformat(result.date) > datetime.now(timezone.utc) + timedelta(days=1):
        yield f"is dated {result.date}, which is yet to come"


def _of_system(result: Result) -> Iterator[str]:
    """What a codec of this name is here, where it is one of ours."""
    system = result.system
    if system.label.partition("@")[0] != system.codec:
        yield f"its system {system.label} is no setting of its codec {system.codec}"
    if system.known_answers is not None and system.known_answers.state == "failed":
        yield f"{system.label} fails a known answer ({system.known_answers.text}): its weights or its code are others"
    if system.is_plug_in or system.group == "reference" or system.codec.startswith("files"):
        return
    from codec_bench.adapters import CODECS

    if system.codec not in CODECS.names():
        return  # decoded files, under whatever name
    for weight in CODECS.get(system.codec).weights():
        given = system.weights.get(weight.path)
        if given and weight.sha256 and given != weight.sha256:
            yield f"its file {weight.path} is not the published one of {system.codec} (SHA-256 {given[:12]}…)"


def _of_bitrate(result: Result) -> Iterator[str]:
    bitrate, system = result.bitrate, result.system
    if bitrate.kbps is None:
        if bitrate.source:
            yield f"its bitrate is {bitrate.source}, and it has none"
        return
    if not bitrate.source:
        yield "its bitrate does not say where it comes from"
    if bitrate.source == "computed":
        if not system.books:
            yield "its bitrate is said to be computed, and it names no codebooks: repeat the run with this codec-bench"
        elif not _close(bitrate.kbps, made := sum(b.tokens_per_second * b.bits for b in system.books) / 1000):
            yield f"its bitrate is {bitrate.kbps:g} kbit/s, and its codebooks give {made:g}"
        for book in system.books:
            if book.bits < (needed := math.log2(book.size)) - CLOSE:
                yield f"a codebook of {book.size} entries takes {needed:.3f} bits a token, not {book.bits:g}"
    if bitrate.source == "counted" and result.kind == "reconstruction":
        if bitrate.bits is None or bitrate.seconds is None:
            yield "its bitrate is said to be counted, and it does not say how many bits in how many seconds"
        elif not _close(bitrate.kbps, made := bitrate.bits / bitrate.seconds / 1000):
            yield f"its bitrate is {bitrate.kbps:g} kbit/s, and its bits over its seconds give {made:g}"
    if (
        system.books
        and system.tokens_per_second is not None
        and not _close(system.tokens_per_second, sum(b.tokens_per_second for b in system.books))
    ):
        yield f"it says {system.tokens_per_second:g} tokens/s, and its codebooks give another number"


def _of_metric(result: Result, metric: PublishedMetric) -> Iterator[str]:
    if metric.n > metric.expected:
        yield f"n is {metric.n} of {metric.expected}"
    elif (told := sum(metric.missing.values())) != metric.expected - metric.n:
        yield f"{metric.expected - metric.n} utterances have no value, and it says why of {told}"
    if (metric.value is None) != (metric.n == 0) and result.kind == "reconstruction":
        yield f"has {'no value' if metric.value is None else 'a value'} of {metric.n} utterances"
    if metric.value is not None and metric.n < LEAST_COVERAGE * metric.expected:
        why = ", ".join(f"{count} × {status}" for status, count in metric.missing.items())
        yield f"only {metric.n} of {metric.expected} utterances have a value ({why}), {LEAST_COVERAGE:.0%} are needed"
    if result.kind == "reconstruction" and metric.expected != result.dataset.utterances:
        yield f"expects {metric.expected} utterances, and its data set has {result.dataset.utterances}"
    if (metric.low is None) != (metric.high is None):
        yield "its interval has one end"
    elif metric.low is not None and metric.high is not None and metric.value is not None:
        slack = CLOSE * max(1.0, abs(metric.value))
        if not metric.low - slack <= metric.value <= metric.high + slack:
            yield f"its value {metric.value:g} lies outside of its interval, {metric.low:g} to {metric.high:g}"
    yield from _of_definition(result, metric)


def _of_definition(result: Result, metric: PublishedMetric) -> Iterator[str]:
    """Whether a metric of ours is said to be what it is, and can have such a value."""
    from codec_bench.metrics import METRICS

    if result.kind != "reconstruction" or metric.name not in METRICS.names():
        if metric.unit == "%" and metric.value is not None and metric.value < 0:
            yield f"{metric.value:g} % is below zero"
        return
    ours = METRICS.get(metric.name)
    if (metric.unit, metric.better) != (ours.unit, ours.better):
        yield f"is in {metric.unit or 'no unit'}, {metric.better} better; it is in {ours.unit or 'none'}, {ours.better}"
    if metric.version > ours.version:
        yield f"is of version {metric.version}, newer than this codec-bench's {ours.version}: update codec-bench"
    if metric.label.partition("[")[0] != metric.name:
        yield f"is no variant of {metric.name}"
    low, high = ours.range
    if metric.value is not None:
        if low is not None and metric.value < low - 1e-4 * max(1, abs(low)):
            yield f"cannot be {metric.value:g}: its least value is {low:g}"
        if high is not None and metric.value > high + 1e-4 * max(1, abs(high)):
            yield f"cannot be {metric.value:g}: its largest value is {high:g}"


def _of_alignment(result: Result) -> Iterator[str]:
    if result.kind != "reconstruction" or result.condition is not None:
        return
    values = {m.label: m.value for m in result.metrics if m.value is not None}
    natural = max((v for name, v in values.items() if name.partition("[")[0] in _OPINIONS), default=None)
    stoi = values.get("stoi", 1.0)
    if stoi < MISALIGNED_STOI and natural is not None and natural > NATURAL_MOS:
        yield f"looks misaligned: STOI {stoi:.3f}, and an opinion score of {natural:.2f}; {_CURE}"
    lag = result.lag
    is_off = lag is not None and 2 * lag.known > lag.utterances and abs(lag.median_ms) > MAX_LAG_MS
    if lag is not None and is_off and not result.aligned and set(values) & set(_MIND_LAG):
        yield f"its audio is {lag.median_ms:+.1f} ms off its recordings; {_CURE}"


def _of_files(folder: Path, place: PurePosixPath, result: Result) -> Iterator[str]:
    names = {file.name for file in result.audio}
    if strange := [s.decoded for s in result.samples if s.decoded not in names]:
        yield f"has a sample {strange[0]}, which is none of its files"
    for file in [*result.audio, *filter(None, [result.scores])]:
        path = folder / place.parent / file.name
        try:
            inside = path.resolve().is_relative_to((folder / place.parent).resolve())
            data = read_file(path) if inside and path.stat().st_size <= MAX_BYTES else None
        except OSError:
            yield f"its file {file.name} is not there"
            continue
        if data is None:
            yield f"its file {file.name} {'has more than 10 MB' if inside else 'lies elsewhere'}"
        elif digest(data) != file.sha256:
            yield f"its file {file.name} is another one than it says (SHA-256)"


def _of_scores(folder: Path, place: PurePosixPath, result: Result, known: dict[PurePosixPath, Sides]) -> Iterator[str]:
    """Computes the values again from the scores of the utterances."""
    if result.scores is None:
        if result.kind == "reconstruction":
            yield "has no scores of its utterances (…scores.json.gz): nobody can compute its values again"
        return
    try:
        scores = read_scores(read_file(folder / place.parent / result.scores.name))
    except OSError:
        return  # said before
    except ValueError as error:
        yield f"its file {result.scores.name} is damaged: {error}"
        return
    sides = known[place] = Sides.of(scores)
    if result.kind != "reconstruction":
        return
    if len(scores.utterances) != result.dataset.utterances:
        yield f"its scores are of {len(scores.utterances)} utterances, its data set has {result.dataset.utterances}"
    for metric in result.metrics:
        if metric.pooling != "utterances":
            continue
        if metric.label not in scores.metrics:
            if metric.n:
                yield f"{metric.label}: its scores are not in {result.scores.name}"
            continue
        yield from (f"{metric.label}: {text}" for text in _differences(metric, scores))
    yield from _copies(sides)


def _differences(metric: PublishedMetric, scores: Scores) -> Iterator[str]:
    made = recomputed(scores, metric)
    if made.n != metric.n:
        yield f"n is {metric.n}, and {made.n} utterances have a score"
    for name, stated, found in (
        ("value", metric.value, made.value),
        ("interval", metric.low, made.low),
        ("interval", metric.high, made.high),
    ):
        if stated is found or (stated is not None and found is not None and _close(stated, found)):
            continue
        told = "no value" if found is None else f"{found:g}"
        yield f"its {name} is {'none' if stated is None else f'{stated:g}'}, and its scores give {told}"
        return


def _copies(sides: Sides) -> Iterator[str]:
    """Two metrics with the same value for every utterance: one column was copied."""
    values = {name: parts[0] / parts[1] for name, parts in sides.parts.items()}
    known: dict[bytes, str] = {}
    for name in sorted(name for name, found in values.items() if len(np.unique(found[np.isfinite(found)])) > 2):
        first = known.setdefault(values[name].tobytes(), name)
        if first != name:
            yield f"{first} and {name} have the same value for every utterance"


def _warnings(result: Result) -> Iterator[str]:
    if result.program.dirty:
        yield "was made by a codec-bench with changes that are not committed"
    if result.program.commit is None and "+" in result.program.version:
        yield "was made by a codec-bench that no release has"
    if result.system.known_answers is None and result.system.group != "reference" and not result.system.is_plug_in:
        yield "does not say whether its codec was verified"
    if result.bitrate.source == "stated":
        yield "its bitrate is what its authors state: nothing here counted it"


def _strangers(folder: Path, entries: Sequence[Entry]) -> Iterator[Problem]:
    """Files that no result names."""
    named = {entry.path for entry in entries}
    for entry in entries:
        if entry.result is not None:
            files = [*entry.result.audio, *filter(None, [entry.result.scores])]
            named |= {entry.path.parent / file.name for file in files}
        elif entry.problem:
            stem = entry.path.name.removesuffix(".json")
            named |= {p for p in _files(folder) if p.parent == entry.path.parent and p.name.startswith(f"{stem}.")}
            named |= {p for p in _files(folder) if p.parent == entry.path.parent / f"{stem}.audio"}
    for place in _files(folder):
        if place in named or place.name == "README.md" or any(part.startswith(".") for part in place.parts):
            continue
        yield Problem(place, "belongs to no result: a results folder holds nothing else")


def _files(folder: Path) -> list[PurePosixPath]:
    return [
        PurePosixPath(path.relative_to(folder).as_posix())
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    ]


def _together(results: Sequence[tuple[PurePosixPath, Result]]) -> Iterator[Problem]:
    """What only shows between results: the same one twice, recordings without their own row, or with two."""
    seen: dict[tuple[str, ...], PurePosixPath] = {}
    references: dict[tuple[str, str], tuple[PurePosixPath, Result]] = {}
    measured = [(place, result) for place, result in results if result.kind == "reconstruction"]
    for place, result in results:
        key = (
            result.kind, result.system.label, result.system.fingerprint, result.dataset.manifest_sha256,
            result.condition.label if result.condition else "",
        )  # fmt: skip
        if key in seen:
            yield Problem(place, f"is the same system, recordings and condition as {seen[key]}")
        seen.setdefault(key, place)
    for place, result in measured:
        if result.label != GROUND_TRUTH:
            continue
        data = result.dataset.manifest_sha256
        for metric in result.metrics:
            known = references.setdefault((data, f"{metric.label} {metric.fingerprint}"), (place, result))
            before = next((m.value for m in known[1].metrics if m.label == metric.label), None)
            if before is not None and metric.value is not None and not _close(metric.value, before, SAME_REFERENCE):
                yield Problem(
                    place,
                    f"{metric.label} of the recordings is {metric.value:g}, and {before:g} in {known[0]}: other "
                    "recordings, or another metric",
                )
    with_reference = {r.dataset.manifest_sha256 for _, r in measured if r.label == GROUND_TRUTH}
    for place, result in measured:
        if not result.generated and result.dataset.manifest_sha256 not in with_reference:
            yield Problem(place, "its recordings have no row of their own (ground-truth), by which to check them")


def _against(results: Sequence[tuple[PurePosixPath, Result]], before: Sequence[Entry]) -> Iterator[Problem]:
    """What was published stays: no result, metric or utterance is lost, no value changes in silence."""
    now = dict(results)
    for entry in before:
        old = entry.result
        if old is None:
            continue
        new = now.get(entry.path)
        if new is None:
            yield Problem(entry.path, "was there before and is gone")
            continue
        after = {m.label: m for m in new.metrics}
        for metric in old.metrics:
            found = after.get(metric.label)
            if found is None:
                yield Problem(entry.path, f"{metric.label} was there before and is gone")
            elif found.n < metric.n:
                yield Problem(entry.path, f"{metric.label}: n was {metric.n} and is {found.n}")
            elif metric.fingerprint != found.fingerprint:
                yield Problem(entry.path, f"{metric.label} has another definition than before", is_warning=True)
            elif None not in (metric.value, found.value) and not _close(metric.value or 0.0, found.value or 0.0):
                yield Problem(
                    entry.path,
                    f"{metric.label} was {metric.value:g} and is {found.value:g}, of the same weights and definition",
                )


def _close(left: float, right: float, share: float = CLOSE) -> bool:
    return math.isclose(left, right, rel_tol=share, abs_tol=share)
