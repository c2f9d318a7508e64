"""Each codec in an environment of its own gives what its networks give: stand-ins of them, computed once more here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from codec_bench.adapters import CODECS
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.stable_codec.adapter import StableCodec
from codec_bench.adapters.replaceable import names_of
from codec_bench.audio import Audio, length_at
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.tokens import Tokens
from tests.adapters.buildable import Machine
from tests.adapters.isolated import standins
from tests.adapters.isolated.standins import Setting, Wrong

HEAVY = {
    "auv", "bicodec", "cosyvoice", "distill_neucodec", "dualcodec", "facodec", "flexicodec", "hubert_units", "kanade",
    "magicodec", "moss", "past", "simwhisper", "xy_tokenizer",
}  # fmt: skip
"""Workers that import transformers or as much, which takes them five to ten seconds each."""


def marks(name: str, number: int) -> list[pytest.MarkDecorator]:
    """Further checkpoints of a worker, and further wrong files, run its code again: that is for `make test-slow`."""
    return [pytest.mark.slow] if number or name in HEAVY else []


SETTINGS = [
    pytest.param(name, (cls, mode), id=f"{cls.name}@{mode}" if mode else cls.name, marks=marks(name, number))
    for name in standins.NAMES
    for number, (cls, mode) in enumerate(standins.module_of(name).SETTINGS)
]
WRONG = [
    pytest.param(name, wrong, id=f"{name}-{number}", marks=marks(name, number))
    for name in standins.NAMES
    for number, wrong in enumerate(getattr(standins.module_of(name), "WRONG", ()))
]

BITRATES = {
    "focalcodec-stream-65k": 800,
    "focalcodec-stream-4k": 600,
    "focalcodec-stream-2k": 550,
    "nemo-nanocodec-1.78k": 1783.8,
    "kanade-25hz": 341.1,
    "lscodec-25hz": 250,
    "past": 4000,
}
"""Bit/s as papers and model cards state them, with more digits where they round; those of others are in
tests/adapters/test_facts.py."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with pytest.MonkeyPatch.context() as patch:
        yield Machine(tmp_path_factory.mktemp("machine"), patch)


@pytest.fixture
def standin(
    request: pytest.FixtureRequest, machine: Machine, _own_home: None, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """A stand-in that is prepared."""
    machine.use(monkeypatch)
    machine.prepare(request.param)
    return standins.module_of(request.param)


def noise(samples: int, rate: int) -> Audio:
    return Audio(np.random.default_rng(0).uniform(-0.5, 0.5, samples).astype(np.float32), rate)


def encoded(codec: IsolatedCodec, audio: Audio) -> Tokens:
    code = codec.encode(audio)
    assert isinstance(code, Tokens)
    return code


@pytest.mark.parametrize(("standin", "setting"), SETTINGS, indirect=["standin"])
def test_it_gives_what_its_networks_give(standin: ModuleType, machine: Machine, setting: Setting) -> None:
    cls, mode = setting
    codec = cls(mode)
    codec.load()
    rate, books = codec.spec.input_rate, codec.spec.codebooks
    frame = max([book.hop for book in books] or [codec.spec.hop or 0])
    whole = rate - rate % frame
    for length in getattr(standin, "LENGTHS", (whole, whole + 1)):
        recording = noise(length, rate)
        expected = standin.expected(machine.mirror, codec, recording.samples)
        code = encoded(codec, recording)
        codes = [torch.from_numpy(stream.codes) for stream in code.streams]
        assert [len(found) for found in codes] == [len(wanted) for wanted in expected.codes]
        for found, wanted in zip(codes, expected.codes, strict=True):
            assert (found == wanted).float().mean() >= expected.agreement
            assert len(found.unique()) > 1
        assert code.side.keys() == expected.side.keys()
        for name, wanted in expected.side.items():
            np.testing.assert_allclose(code.side[name], wanted, atol=1e-4)
        assert code.side_bits == expected.side_bits
        for name, wanted in expected.latents(codes).items():
            np.testing.assert_allclose(codec.latents(code)[name], wanted, atol=1e-5)
        for count in {*codec.prefixes[:2], len(books)}:
            decoded = codec.decode(code, count or None).samples
            wanted = expected.decoded(codes[:count])[: len(decoded)]
            assert 0 <= len(decoded) - len(wanted) <= codec.spec.output_rate / 10
            peak = max(1.0, float(wanted.abs().max()))
            np.testing.assert_allclose(decoded[: len(wanted)], wanted, rtol=0, atol=2e-5 * peak)
        if books:
            # Full windows alone are coded by some, and whole patches, or whole windows of attention, by others.
            assert -2 * frame <= code.seconds * rate - length <= max(2 * frame, 2560, codec.spec.padding)
    check_any_recording(codec, rate)
    assert np.array_equal(codec.decode(code).samples, codec.decode(encoded(codec, recording)).samples)
    codec.close()


def check_any_recording(codec: IsolatedCodec, rate: int) -> None:
    for audio in (
        noise(1, rate),
        noise(999, rate),
        Audio(np.zeros(rate // 2, np.float32), rate),
        Audio(noise(rate, rate).samples * 8, rate),
    ):
        decoded = codec.decode(encoded(codec, audio))
        assert len(decoded) == length_at(len(audio), rate, codec.spec.output_rate)
        assert np.isfinite(decoded.samples).all()


@pytest.mark.slow
@pytest.mark.parametrize(("standin", "setting"), SETTINGS, indirect=["standin"])
def test_a_minute_is_coded(standin: ModuleType, setting: Setting) -> None:
    codec = setting[0](setting[1])
    codec.load()
    code = encoded(codec, noise(60 * codec.spec.input_rate, codec.spec.input_rate))
    assert code.seconds >= 59 or not codec.spec.codebooks
    assert len(codec.decode(code)) == 60 * codec.spec.output_rate
    codec.close()


@pytest.mark.parametrize(("standin", "wrong"), WRONG, indirect=["standin"])
def test_a_file_of_another_kind_is_refused(standin: ModuleType, wrong: Wrong, tmp_path: Path) -> None:
    cls, mode = wrong.setting
    codec = cls(mode)
    path = tmp_path / names_of(codec.spec.weights)[codec.spec.weights[wrong.number].path]
    path.parent.mkdir(parents=True, exist_ok=True)
    wrong.write(path)
    codec.use_checkpoint(tmp_path)
    with pytest.raises(UnavailableError, match=wrong.message):
        codec.load()


@pytest.mark.parametrize("name", BITRATES)
def test_bitrates_are_the_published_ones(name: str) -> None:
    assert CODECS.get(name).mode_spec(None).bitrate() == pytest.approx(BITRATES[name], abs=0.05)


@pytest.mark.parametrize(
    ("name", "count", "message"),
    [
        ("hifi-codec-24k-320d", 2, "4 codebooks, not 2"),
        ("facodec", 4, "3 or 6 codebooks, not 4"),
        ("llm-codec", 2, "decodes 3 codebooks"),
        ("xy-tokenizer", 4, "decodes 8 codebooks"),
        ("nemo-nanocodec-1.78k", 4, "13 codebooks, not 4"),
        ("qwen3-tts-tokenizer-12hz", 8, "16 codebooks, not 8"),
        ("semanticodec", "tr25", "tr25_v4096"),
        ("stable-codec", None, "1x46656_400bps"),
    ],
)
def test_other_settings_are_refused(name: str, count: int | str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CODECS.get(name)(codebooks=count) if isinstance(count, int) else CODECS.get(name)(count)


def test_stable_codec_refuses_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StableCodec, "needs_gpu", True)  # which its stand-in does without
    with pytest.raises(UnavailableError, match="--device cuda"):
        StableCodec("1x46656_400bps").load("cpu")
