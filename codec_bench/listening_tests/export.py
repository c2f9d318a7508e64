"""From a run with kept audio to a listening test: draw items, align them, hide their names, write the pages."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import RESAMPLER, Audio, fit, read_audio, resample
from codec_bench.errors import UsageError
from codec_bench.files import digest, write_atomically
from codec_bench.fingerprint import address, package_versions
from codec_bench.listening_tests.anchors import low_pass
from codec_bench.listening_tests.config import ANCHORS, ListeningTest, anchor_label
from codec_bench.listening_tests.items import ListeningItem, choose_items, choose_systems, reference_of
from codec_bench.listening_tests.key import Key, Role, Stimulus, Trial, identify
from codec_bench.listening_tests.levels import align
from codec_bench.listening_tests.webmushra import configuration, resources
from codec_bench.records import NotScorable
from codec_bench.runs.directory import load_run

MOST_STIMULI = 12
"""webMUSHRA and BS.1534-3 allow twelve signals a page, the hidden reference and the anchors among them."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        key: The key.
        configuration: The YAML file.
        candidates: How many utterances there were to draw from.
    """

    key: Key
    configuration: Path
    candidates: int


def export(test: ListeningTest, step: Callable[[], None] = lambda: None) -> Exported:
    """Writes a test and its key.

    Args:
        test: What is wanted. Its folder `out` is new or empty; it gets `key.json` and `webmushra/configs`, to be copied
            into webMUSHRA.
        step: Called after each utterance.

    Raises:
        UsageError: The audio was not kept, a system is not known, too few items, `out` is not empty.
    """
    run = load_run(test.run)
    anchors = {anchor_label(name): ANCHORS[name] for name in test.anchors}
    side_by_side = test.kind == "mushra" and not test.one_system
    systems = choose_systems(run, test.systems, MOST_STIMULI - 1 - len(anchors) if side_by_side else 1000)
    if meeting := [label for label in anchors if label in systems]:
        raise UsageError(f"a system of {run.path} is called {meeting[0]}, as the anchor is: leave one of them out")
    if test.pairs == "systems" and len(systems) < 2:
        raise UsageError("pairs of systems need at least two --systems")
    if test.out.exists() and (not test.out.is_dir() or any(test.out.iterdir())):
        raise UsageError(f"{test.out} already exists: choose another --out, so that no key is lost")
    reference = reference_of(run)
    seconds = (test.min_seconds, test.max_seconds)
    items, candidates = choose_items(run, systems, test.items + test.training, test.seed, seconds)
    identity = identify(run, [reference, *systems])
    settings = _settings(test, anchors)
    test_id = f"{test.kind}-{address(run=asdict(identity), settings=settings)[:8]}"
    folder = test.out / "webmushra" / resources(test_id)
    names = _Names(test.seed, test_id)
    trials: list[Trial] = []
    for number, item in enumerate(items):
        rate, signals, gains = _signals(item, reference, systems, anchors)
        files = {label: _wav(samples, rate, test.bits) for label, samples in signals.items()}
        length = round(len(signals[reference]) / rate, 6)
        for given, others in _pages(test, reference, systems, [*anchors], number):
            made = {}
            # Writing in a drawn order leaves nothing in the times and order of the files.
            for label in names.shuffled([given, *others]):
                file = names.draw()  # the same audio on two pages shares none
                write_atomically(folder / f"{file}.wav", files[label])
                role: Role = "reference" if label == reference else "anchor" if label in anchors else "system"
                made[label] = Stimulus(file, label, role, round(gains[label], 4), digest(files[label]))
            stimuli = tuple(made[label] for label in names.shuffled(others))
            name, training = f"trial{len(trials) + 1:03d}", number < test.training
            trials.append(Trial(name, item.utterance, item.speaker, rate, length, made[given], stimuli, training))
        step()
    key = Key(test.kind, test_id, identity, tuple(systems), tuple(anchors), tuple(trials), settings)
    path = test.out / "webmushra" / "configs" / f"{test_id}.yaml"
    write_atomically(path, configuration(key, test.title).encode())
    key.save(test.out / "key.json")
    return Exported(key, path, candidates)


def _settings(test: ListeningTest, anchors: dict[str, float]) -> dict[str, Any]:
    """What decides the files, for the key."""
    names = ("seed", "items", "training", "pairs", "repeats", "bits")
    return {name: getattr(test, name) for name in (*names, *(["one_system"] if test.one_system else []))} | {
        "seconds": [test.min_seconds, test.max_seconds],
        "anchors_hz": anchors,
        "levels": "ITU-R BS.1770-4 integrated loudness of the reference; peaks at -1 dB of full scale or lower",
        "resampler": RESAMPLER,
        "packages": package_versions(["codec-bench", "pyloudnorm", "scipy", "soxr"]),
    }


def _pages(
    test: ListeningTest, reference: str, systems: list[str], anchors: list[str], number: int
) -> list[tuple[str, list[str]]]:
    """Per page of an item, what is given as the reference and what is compared with it."""
    if test.kind == "mushra":
        together = [[system] for system in systems] if test.one_system else [systems]
        return [(reference, [*some, *anchors]) for some in together]
    pages = []
    for repeat in range(test.repeats):
        if test.pairs == "recording":
            pages += [(reference, [system]) for system in systems]
            continue
        for index, (first, second) in enumerate(combinations(systems, 2)):
            # Over items and repeats each of a pair is X equally often, give or take one.
            swap = (number * test.repeats + repeat + index + test.seed) % 2
            pages.append((second, [first]) if swap else (first, [second]))
    return pages


def _signals(
    item: ListeningItem, reference: str, systems: Sequence[str], anchors: dict[str, float]
) -> tuple[int, dict[str, NDArray[np.float64]], dict[str, float]]:
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


def _wav(samples: NDArray[np.float64], rate: int, bits: int) -> bytes:
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype=f"PCM_{bits}")
    return buffer.getvalue()
