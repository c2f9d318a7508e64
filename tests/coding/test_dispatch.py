"""A codec runs in a process of its own: whatever it does costs the utterance with which it does it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.systems import parse_systems
from codec_bench.audio import read_audio
from codec_bench.cache import ArrayCache
from codec_bench.coding.dispatch import Dispatcher
from codec_bench.coding.items import Item, resolve_items
from codec_bench.coding.local import LocalCoders, local_dispatcher
from codec_bench.coding.rows import Row
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UsageError
from codec_bench.probes.inputs import TokenFrames
from codec_bench.records import NotScorable, Status
from codec_bench.token_statistics.sources import CodecTokens
from tests.coding.coded import problems
from tests.coding.misbehaving import HOP

pytestmark = pytest.mark.long

CODEC = "tests.coding.misbehaving:Misbehaving"
Coded = Callable[..., dict[str, NotScorable]]


def row_of(mode: str) -> Row:
    (system,) = parse_systems([f"{CODEC}@{mode}"])
    return Row(system)


@pytest.fixture(scope="module")
def items() -> tuple[Item, ...]:
    return resolve_items(load_dataset("demo", limit=5), []).items


@pytest.fixture
def victim(items: tuple[Item, ...], monkeypatch: pytest.MonkeyPatch) -> str:
    """The utterance with which codecs misbehave."""
    audio = read_audio(items[1].utterance.path)
    assert audio.rate == 16_000
    monkeypatch.setenv("VICTIM_SAMPLES", str(len(audio)))
    return items[1].utterance.id


@pytest.fixture
def coded(items: tuple[Item, ...], tmp_path: Path) -> Iterator[Coded]:
    """Codes all utterances at a setting; why some could not be."""
    made: dict[tuple[float | None, float], Dispatcher] = {}

    def run(mode: str, batch_seconds: float | None = None, timeout: float = 60.0) -> dict[str, NotScorable]:
        key = batch_seconds, timeout
        if key not in made:
            made[key] = Dispatcher(tmp_path, LocalCoders(tmp_path, "auto", batch_seconds, timeout=timeout))
        row = row_of(mode)
        found = problems(made[key], row, items)
        for item in items:
            if item.utterance.id not in found:
                assert len(made[key].reconstructor.audio(row, item)) == len(read_audio(item.utterance.path))
        return found

    yield run
    for coding in made.values():
        coding.close()


@pytest.mark.parametrize(
    ("mode", "status", "reason"),
    [
        ("segv", Status.CRASHED, r"^while coding it, the process was killed by SIGSEGV"),
        ("abort", Status.CRASHED, r"^while coding it, the process was killed by SIGABRT"),
        ("os-exit", Status.CRASHED, r"^while coding it, the process ended with status 0"),
        ("exit", Status.ENCODE_FAILED, r"^SystemExit: 0 \(misbehaving\.py:\d+\)$"),
        ("generator-exit", Status.ENCODE_FAILED, r"^GeneratorExit \(misbehaving\.py:\d+\)$"),
        ("interrupt", Status.ENCODE_FAILED, r"^KeyboardInterrupt \(misbehaving\.py:\d+\)$"),
        ("stop-iteration", Status.ENCODE_FAILED, r"^StopIteration \(misbehaving\.py:\d+\)$"),
        ("no-memory", Status.ENCODE_FAILED, r"^MemoryError: no \(misbehaving\.py:\d+\)$"),
        ("recursion", Status.ENCODE_FAILED, r"^RecursionError: "),
    ],
)
def test_a_misdeed_costs_one_utterance_and_says_why(coded: Coded, victim: str, mode: str, status: Status, reason: str):
    found = coded(mode)
    assert list(found) == [victim]
    assert found[victim].status is status
    assert re.search(reason, found[victim].reason), found[victim].reason


@pytest.mark.parametrize("mode", ["fork", "close-files", "print", "clear-environment", "leave-folder", "ignore-ctrl-c"])
def test_what_a_codec_does_to_its_process_is_no_matter(coded: Coded, mode: str):
    assert coded(mode) == {}


def test_a_codec_that_hangs_costs_one_utterance(coded: Coded, victim: str):
    found = coded("hang", timeout=1.0)
    assert {name: p.reason for name, p in found.items()} == {
        victim: "while coding it, the process gave no reply within 1 s"
    }


def test_a_codec_that_takes_all_memory_costs_one_utterance(coded: Coded, victim: str):
    found = coded("memory")
    assert list(found) == [victim]
    assert found[victim].status is Status.ENCODE_FAILED
    assert "MemoryError" in found[victim].reason


@pytest.mark.parametrize("mode", ["segv", "exit"])
def test_one_of_a_batch_does_not_cost_the_others(coded: Coded, victim: str, mode: str):
    assert list(coded(mode, 1000.0)) == [victim]


def test_a_system_that_loses_all_is_given_up_and_not_tried_again(coded: Coded):
    found = coded("os-exit")
    given_up = [p.reason for p in found.values() if "is given up: it lost 3 utterances in a row" in p.reason]
    assert len(found) == 5
    assert 1 <= len(given_up) <= 2  # the fourth may be on its way when the third is lost
    started = time.monotonic()
    assert len(coded("os-exit")) == 5
    assert time.monotonic() - started < 1
    assert coded("none") == {}


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("load-exit", "misbehaving cannot be loaded: SystemExit: 3 (misbehaving.py:"),
        ("load-key", "misbehaving cannot be loaded: KeyError: 'weights'"),
        ("load-die", "misbehaving@load-die cannot be loaded: the process ended with status 5"),
    ],
)
def test_a_codec_that_cannot_be_loaded_costs_its_utterances(coded: Coded, mode: str, reason: str):
    found = coded(mode)
    assert len(found) == 5
    assert all(problem.reason.startswith(reason) for problem in found.values())


def test_latents_come_from_the_process_too(items: tuple[Item, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    coding = local_dispatcher(tmp_path, "cpu")
    row = row_of("none")
    (code,) = coding.codes(row, items[0])
    found = coding.latents(row, items[0])
    np.testing.assert_array_equal(found["quantized"][:, 0], (code.streams[0].codes / 127.5 - 1).astype(np.float32))
    with pytest.raises(UsageError, match="offers no latents"):
        coding.latents(Row(parse_systems(["opus@6000"])[0]), items[0])
    coding.close()
    longest = max(len(read_audio(item.utterance.path)) for item in items)
    monkeypatch.setenv("VICTIM_LATENTS", str(longest - HOP))
    outcomes = []
    for item in items:
        try:
            coding.latents(row, item)
        except NotScorable as outcome:
            outcomes.append((outcome.status, outcome.reason))
    coding.close()
    assert outcomes == [(Status.CRASHED, "while coding it, the process was killed by SIGSEGV")]


def test_several_processes_code_the_same(items: tuple[Item, ...], tmp_path: Path):
    (system,) = parse_systems(["codec2@1200"])
    row = Row(system)
    made = [Dispatcher(tmp_path / str(n), LocalCoders(tmp_path / str(n), "cpu", jobs=n)) for n in (1, 3)]
    for coding in made:
        assert problems(coding, row, items) == {}
        assert coding.devices == {"codec2": "cpu"}
        coding.close()
    for item in items:
        one, three = (c.reconstructor.audio(row, item).samples for c in made)
        np.testing.assert_array_equal(one, three)
    codec = system.source
    codec.load()
    here = codec.decode(codec.encode(read_audio(items[0].utterance.path)))
    np.testing.assert_array_equal(here.samples, made[0].reconstructor.audio(row, items[0]).samples)


def test_probes_and_tokens_lose_the_utterance_alone(items: tuple[Item, ...], victim: str, tmp_path: Path):
    row = row_of("abort")
    coding = local_dispatcher(tmp_path, "cpu")
    extracted = TokenFrames(row, coding).extract(items, ArrayCache(tmp_path / "frames"))
    assert {name: outcome.status for name, outcome in extracted.failed.items()} == {victim: Status.CRASHED}
    assert len(extracted.addresses) == 4
    source = CodecTokens([row.system], tmp_path, "cpu")
    for item in items:
        if item.utterance.id == victim:
            with pytest.raises(NotScorable, match="killed by SIGABRT"):
                source.tokens(row.label, item)
        else:
            assert len(source.changed(row.label, item, "reencode").streams[0].codes)
    source.close()
