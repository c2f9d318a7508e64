"""From a run with kept audio to a listening test: draw items, align them, hide their names, write the pages."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import RESAMPLER, Audio, fit, read_audio, resample
from codec_bench.errors import UsageError
from codec_bench.files import digest, file_digest, write_atomically
from codec_bench.fingerprint import address, package_versions
from codec_bench.listening_tests.anchors import low_pass
from codec_bench.listening_tests.config import ANCHORS, ListeningTest, anchor_label
from codec_bench.listening_tests.items import ListeningItem, choose_items, choose_systems, reference_of
from codec_bench.listening_tests.key import Key, Role, Stimulus, Trial, identify
from codec_bench.listening_tests.levels import align
from codec_bench.listening_tests.rhymes import Choice, RhymePairs, kept, word_of
from codec_bench.listening_tests.webmushra import configuration, resources
from codec_bench.records import NotScorable
from codec_bench.runs.directory import Run, load_run

PAUSE = 0.5
"""Seconds between the recording and the system of a pair (ITU-T P.800, D.2)."""

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
    asked = _asked(run, test.rhymes) if test.rhymes is not None else None
    count = test.items + test.training if test.items else 0
    items, candidates = choose_items(run, systems, count, test.seed, seconds, asked)
    identity = identify(run, [reference, *systems])
    settings = _settings(test, anchors)
    test_id = f"{test.kind}-{address(run=asdict(identity), settings=settings)[:8]}"
    folder = test.out / "webmushra" / resources(test_id)
    names = _Names(test.seed, test_id)
    trials: list[Trial] = []
    words: dict[str, Choice] = {}
    for number, item in enumerate(items):
        rate, signals, gains = _signals(item, reference, systems, anchors)
        if test.kind == "dcr":
            silence = np.zeros(round(PAUSE * rate))
            signals = {label: np.concatenate([signals[reference], silence, own]) for label, own in signals.items()}
        files = {label: _wav(samples, rate, test.bits) for label, samples in signals.items()}
        length = round(len(signals[reference]) / rate, 6)
        questions = asked[item.utterance] if asked is not None else [None]
        pages = _pages(test, reference, systems, [*anchors], number)
        for question, (given, others) in product(questions, pages):
            made = {}
            # Writing in a drawn order leaves nothing in the times and order of the files.
            for label in names.shuffled(list(dict.fromkeys([given, *others]))):
                file = names.draw()  # the same audio on two pages shares none
                write_atomically(folder / f"{file}.wav", files[label])
                role: Role = "reference" if label == reference else "anchor" if label in anchors else "system"
                made[label] = Stimulus(file, label, role, round(gains[label], 4), digest(files[label]))
            stimuli = tuple(made[label] for label in names.shuffled(others))
            name, training = f"trial{len(trials) + 1:03d}", number < test.training
            trials.append(Trial(name, item.utterance, item.speaker, rate, length, made[given], stimuli, training))
            if question is not None:
                first, second = names.shuffled(question.shown)
                words[name] = replace(question, shown=(first, second))
        step()
    if words:
        settings = settings | {"words": kept(words)}
    key = Key(test.kind, test_id, identity, tuple(systems), tuple(anchors), tuple(trials), settings)
    path = test.out / "webmushra" / "configs" / f"{test_id}.yaml"
    write_atomically(path, configuration(key, test.title).encode())
    key.save(test.out / "key.json")
    return Exported(key, path, candidates)


def _asked(run: Run, path: Path) -> dict[str, list[Choice]]:
    """What is asked about the recordings of words, by utterance; a word may stand in several pairs.

    Raises:
        UsageError: The file cannot be read, or no transcript is one of its words.
    """
    pairs = RhymePairs.read(path)
    asked: dict[str, list[Choice]] = {}
    for row in run.utterances.to_dict("records"):
        for first, second, feature in pairs.choices(row["text"]):
            said = first if word_of(first) == word_of(row["text"]) else second
            asked.setdefault(row["id"], []).append(Choice((first, second), said, feature))
    if not asked:
        raise UsageError(f"no transcript of {run.path} is a word of {path}: a rhyme test needs recordings of its words")
    return asked


def _settings(test: ListeningTest, anchors: dict[str, float]) -> dict[str, Any]:
    """What decides the files, for the key."""
    names = ("seed", "items", "training", "pairs", "repeats", "bits")
    return {name: getattr(test, name) for name in (*names, *(["one_system"] if test.one_system else []))} | {
        "seconds": [test.min_seconds, test.max_seconds],
        "anchors_hz": anchors,
        **({"words_sha256": file_digest(test.rhymes)} if test.rhymes is not None else {}),
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
    if test.one_file:  # the recordings too: a null pair, or how well people hear what no codec touched
        return [(label, [label]) for label in (reference, *systems)]
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
