"""What every codec promises at each of its standard settings.

Codecs that share an adapter are here once for it: what each of them does is compared with its package or its networks
in tests of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from codec_bench.adapters import CODECS, Codec
from codec_bench.adapters.published_only import PublishedOnly
from codec_bench.audio import Audio, length_at
from codec_bench.errors import CodecError
from codec_bench.records import NotScorable, Status
from codec_bench.testing.conformance import CHECKS, Outcome, Subject, batches, found_by, place
from tests.adapters import buildable

BUILT = {
    "mimi": 32,
    "encodec-24khz": 32,
    "encodec-48khz": 16,
    "speechtokenizer": 8,
    "s3tokenizer-v2-25hz": None,
    "hubert-km1000": None,
    "mhubert-km500-25hz": None,
    "facodec": 6,
    "flexicodec-8.3hz": 25,
    "longcat-24k": 4,
}
"""At least one of each adapter whose weights are not at hand, at one setting: random weights, so what they decode is
noise."""

UNBUILT = {name for name in CODECS.names() if issubclass(CODECS.get(name), PublishedOnly)} | {"test-failing"}
"""What nobody can run; and what promises the opposite, see tests/testing/test_codecs.py."""

NO_WAVEFORM = ("codec2", "test-residual", *BUILT)
"""Parametric codecs, which do not keep the waveform, one of 4 bits a sample, and noise."""

DROPS = {"s3tokenizer-v2-25hz": 1, "hubert-km1000": 2, "mhubert-km500-25hz": 1}
"""Frames that codecs lose at the end, as their makers' code does: it sends full windows only."""

SETTINGS: list[tuple[str, str | int | None]] = [*BUILT.items()]
SETTINGS += [
    (name, setting)
    for name in CODECS.names()
    if name not in {*buildable.NAMES, *UNBUILT}
    for setting in (CODECS.get(name).modes or CODECS.get(name).prefixes or (None,))
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[buildable.Machine]:
    with pytest.MonkeyPatch.context() as patch:
        yield buildable.Machine(tmp_path_factory.mktemp("machine"), patch)


@pytest.fixture(scope="module", params=SETTINGS, ids=lambda s: f"{s[0]}@{s[1]}" if s[1] else s[0])
def codec(request: pytest.FixtureRequest, machine: buildable.Machine) -> Iterator[Codec]:
    if request.param[0] in buildable.LONGCAT:
        machine.add(request.getfixturevalue("longcat_mirror"))
    made = machine.codec(*request.param)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _places(machine: buildable.Machine, _own_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.use(monkeypatch)


@pytest.fixture(scope="module")
def subject(codec: Codec) -> Subject:
    return Subject(codec, drops=DROPS.get(codec.name, 0), is_noise=codec.name in BUILT)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_promise_holds(subject: Subject, check: Callable[[Subject], None]) -> None:
    finding = found_by(check, subject)
    name = subject.codec.name
    if finding.outcome is Outcome.SKIP or (check is place and name in NO_WAVEFORM):
        assert check is not place or name in NO_WAVEFORM or not subject.codec.spec.decodes, finding.detail
        pytest.skip(finding.detail)
    # A model rounds otherwise in a batch, and codecs for tests have no licence.
    may_warn = check is batches or name.startswith("test-")
    assert finding.outcome is Outcome.PASS or (may_warn and finding.outcome is Outcome.WARNING), finding.detail


def test_it_is_listed_and_says_whether_it_streams(codec: Codec) -> None:
    assert CODECS.get(codec.name) is type(codec)
    assert codec.spec.streaming is not None


def test_without_a_decoder_nothing_is_decoded(subject: Subject) -> None:
    if subject.codec.spec.decodes:
        pytest.skip("this codec has a decoder")
    with pytest.raises(CodecError, match="has no decoder"):
        subject.codec.decode(subject.code)


@pytest.mark.slow
def test_a_minute_is_coded(codec: Codec, subject: Subject) -> None:
    minute = Audio(np.tile(subject.speech.samples[:16_000], 60), 16_000)
    code = codec.encode(minute)
    assert code.seconds >= 58
    if codec.spec.decodes:
        decoded = codec.decode(code)
        assert len(decoded) == length_at(len(minute), minute.rate, decoded.rate)
        assert np.isfinite(decoded.samples).all()


@pytest.mark.parametrize(
    ("samples", "status"), [([], Status.EMPTY), ([0.1, np.nan], Status.NOT_FINITE), ([0.1, np.inf], Status.NOT_FINITE)]
)
def test_what_cannot_be_coded_is_refused(samples: list[float], status: Status) -> None:
    codec = CODECS.get("test-identity")()
    for encode in (codec.encode, lambda audio: codec.encode_batch([audio])):
        with pytest.raises(NotScorable) as caught:
            encode(Audio(np.array(samples, np.float32), 16_000))
        assert caught.value.status is status
