"""From a run with kept audio to a listening test: draw items, align them, hide their names, write the pages."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import RESAMPLER, Audio, fit, read_audio, resample
from codec_bench.errors import UsageError
from codec_bench.files import digest, write_atomically
from codec_bench.fingerprint import address, package_versions
from codec_bench.listening_tests.anchors import low_pass
from codec_bench.listening_tests.items import ListeningItem, choose_items, choose_systems, reference_of
from codec_bench.listening_tests.key import Key, Stimulus, TestKind, Trial, identify
from codec_bench.listening_tests.levels import align
from codec_bench.listening_tests.webmushra import configuration, resources
from codec_bench.records import NotScorable
from codec_bench.runs.directory import Run

MOST_STIMULI = 12
"""webMUSHRA and BS.1534-3 allow twelve signals a page, the hidden reference and the anchors among them."""

LONGEST = 12.0
"""Seconds; webMUSHRA stops at a longer reference."""

ANCHORS = {"3.5k": 3500.0, "7k": 7000.0}

AbxPairs = Literal["recording", "systems"]


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        systems: Labels under test; all clean rows by default.
        items: Utterances that are rated.
        training: Additional utterances for practice.
        anchors: Anchors of MUSHRA: `3.5k`, `7k`.
        pairs: ABX pairs: each system against the recording, or each system against each other.
        repeats: ABX: how often a listener hears each pair of each item.
        seed: Seeds the choice of items, the names and the order.
        bits: 16 or 24 a sample.
        seconds: Shortest and longest utterance.
        title: What listeners see on top.
    """

    systems: Sequence[str] | None = None
    items: int = 8
    training: int = 0
    anchors: Sequence[str] = ("3.5k",)
    pairs: AbxPairs = "recording"
    repeats: int = 1
    seed: int = 0
    bits: int = 16
    seconds: tuple[float, float] = (1.0, LONGEST)
    title: str = "Listening test"


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        key: The key.
        configuration: The YAML file.
        key_path: Where the key is.
        candidates: How many utterances there were to draw from.
    """

    key: Key
    configuration: Path
    key_path: Path
    candidates: int


Step = Callable[[], None]
Role = Literal["reference", "system", "anchor"]
Signals = dict[str, NDArray[np.float64]]


def export_mushra(run: Run, out: Path, options: ExportOptions, step: Step = lambda: None) -> Exported:
    """Writes a MUSHRA test after ITU-R BS.1534-3: hidden reference, anchors, all systems of an item on one page.

    Args:
        run: A run with kept audio.
        out: A folder that is new or empty; gets `key.json` and `webmushra/configs`, to be copied into webMUSHRA.
        options: What is wanted.
        step: Called after each item.

    Raises:
        UsageError: The audio was not kept, a system is not known, too few items, `out` is not empty.
    """
    for anchor in options.anchors:
        if anchor not in ANCHORS:
            raise UsageError(f"unknown anchor {anchor!r}; known: {', '.join(ANCHORS)}")
    anchors = sorted(set(options.anchors), key=lambda name: ANCHORS[name])
    systems = choose_systems(run, options.systems, MOST_STIMULI - 1 - len(anchors))
    labels = {f"anchor-{name}": ANCHORS[name] for name in anchors}
    if meeting := [label for label in labels if label in systems]:
        raise UsageError(f"a system of {run.path} is called {meeting[0]}, as the anchor is: leave one of them out")
    return _export("mushra", run, out, options, systems, labels, step)


def export_abx(run: Run, out: Path, options: ExportOptions, step: Step = lambda: None) -> Exported:
    """Writes an ABX test: X is given as the reference, listeners say which of A and B is the same.

    With `pairs="recording"` X is the recording, so that the share of right answers says how well people tell a codec
    from the original. With `pairs="systems"` X is each system of a pair equally often.

    Args:
        run: A run with kept audio.
        out: As for `export_mushra`.
        options: What is wanted.
        step: Called after each item.

    Raises:
        UsageError: As for `export_mushra`.
    """
    systems = choose_systems(run, options.systems, 1000)
    if options.pairs == "systems" and len(systems) < 2:
        raise UsageError("pairs of systems need at least two --systems")
    return _export("abx", run, out, options, systems, {}, step)


def _export(
    kind: TestKind,
    run: Run,
    out: Path,
    options: ExportOptions,
    systems: list[str],
    anchors: dict[str, float],
    step: Step,
) -> Exported:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} already exists: choose another --out, so that no key is lost")
    reference = reference_of(run)
    items, candidates = choose_items(run, systems, options.items + options.training, options.seed, options.seconds)
    identity = identify(run, [reference, *systems])
    settings = _settings(options, anchors)
    test_id = f"{kind}-{address(run=identity, settings=settings)[:8]}"
    folder = out / "webmushra" / resources(test_id)
    names = _Names(options.seed, test_id)
    trials: list[Trial] = []
    for number, item in enumerate(items):
        training = number < options.training
        rate, signals, gains = _signals(item, reference, systems, anchors)
        write = _writer(folder, names, signals, gains, rate, options.bits)
        for pair in _pages(kind, reference, systems, options, number):
            others = pair[1] or [*systems, *anchors]
            roles = {label: _role(label, reference, anchors) for label in signals}
            # Writing in a drawn order leaves nothing in the times and order of the files.
            made = {label: write(label, roles[label]) for label in names.shuffled([pair[0], *others])}
            stimuli = tuple(made[label] for label in names.shuffled(others))
            name = f"trial{len(trials) + 1:03d}"
            seconds = round(len(signals[reference]) / rate, 6)
            trials.append(Trial(name, item.utterance, item.speaker, rate, seconds, made[pair[0]], stimuli, training))
        step()
    key = Key(kind, test_id, identity, tuple(systems), tuple(anchors), tuple(trials), settings)
    path = out / "webmushra" / "configs" / f"{test_id}.yaml"
    write_atomically(path, configuration(key, options.title).encode())
    key.save(out / "key.json")
    return Exported(key, path, out / "key.json", candidates)


def _settings(options: ExportOptions, anchors: dict[str, float]) -> dict[str, Any]:
    """What decides the files, for the key."""
    return {
        "seed": options.seed,
        "items": options.items,
        "training": options.training,
        "pairs": options.pairs,
        "repeats": options.repeats,
        "bits": options.bits,
        "seconds": list(options.seconds),
        "anchors_hz": anchors,
        "levels": "ITU-R BS.1770-4 integrated loudness of the reference; peaks at -1 dB of full scale or lower",
        "resampler": RESAMPLER,
        "packages": package_versions(["codec-bench", "pyloudnorm", "scipy", "soxr"]),
    }


def _pages(
    kind: TestKind, reference: str, systems: list[str], options: ExportOptions, number: int
) -> list[tuple[str, list[str]]]:
    """Per page of an item, what is given as the reference and what is compared with it; nothing means all."""
    if kind == "mushra":
        return [(reference, [])]
    pages = []
    for repeat in range(options.repeats):
        if options.pairs == "recording":
            pages += [(reference, [system]) for system in systems]
            continue
        for index, (first, second) in enumerate(combinations(systems, 2)):
            # Over items and repeats each of a pair is X equally often, give or take one.
            swap = (number * options.repeats + repeat + index + options.seed) % 2
            pages.append((second, [first]) if swap else (first, [second]))
    return pages


def _role(label: str, reference: str, anchors: dict[str, float]) -> Role:
    if label == reference:
        return "reference"
    return "anchor" if label in anchors else "system"


def _signals(
    item: ListeningItem, reference: str, systems: Sequence[str], anchors: dict[str, float]
) -> tuple[int, Signals, dict[str, float]]:
    """All signals of an item at the rate and length of the reference, equally loud."""
    found: dict[str, Audio] = {}
    try:
        for label in (reference, *systems):
            audio = read_audio(item.paths[label])
            audio.check(str(item.paths[label]))
            found[label] = audio
    except NotScorable as error:
        raise UsageError(f"{error.reason}: leave the system out, or repeat the run") from error
    original = found[reference]
    for label in systems:
        same_rate = resample(found[label], original.rate)
        found[label] = Audio(fit(same_rate.samples, len(original)), original.rate)
    for label, edge in anchors.items():
        found[label] = low_pass(original, edge)
    samples, gains = align(found, reference, item.utterance)
    return original.rate, samples, gains


class _Names:
    """Anonymous names that no two files share."""

    def __init__(self, seed: int, test_id: str) -> None:
        self._generator = np.random.default_rng([seed, 2, *test_id.encode()])
        self._used: set[str] = set()

    def draw(self) -> str:
        while True:
            # A letter first: a name of digits would be a number in YAML, and be sorted by JavaScript.
            name = f"s{self._generator.integers(16**8):08x}"
            if name not in self._used:
                self._used.add(name)
                return name

    def shuffled(self, values: Sequence[str]) -> list[str]:
        return [values[i] for i in self._generator.permutation(len(values))]


def _writer(
    folder: Path, names: _Names, signals: Signals, gains: dict[str, float], rate: int, bits: int
) -> Callable[[str, Role], Stimulus]:
    """Writes a signal of an item under a new name: the same audio on two pages shares none."""
    import soundfile

    def write(label: str, role: Role) -> Stimulus:
        name = names.draw()
        buffer = io.BytesIO()
        soundfile.write(buffer, signals[label], rate, format="WAV", subtype=f"PCM_{bits}")
        write_atomically(folder / f"{name}.wav", buffer.getvalue())
        return Stimulus(name, label, role, round(gains[label], 4), digest(buffer.getvalue()))

    return write
