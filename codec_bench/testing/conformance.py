"""What every codec promises, as checks of any codec: each passes, or says what is wrong and what to do about it.

`codec-bench check` runs them on a codec of the user's, the tests of codec-bench on those that ship with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import load_codec
from codec_bench.audio import Audio, fit, length_at, read_audio, resample
from codec_bench.datasets.dataset import Dataset
from codec_bench.datasets.demo_set import Demo
from codec_bench.errors import CodecBenchError, CodecError, UsageError
from codec_bench.faults import contained, explained
from codec_bench.records import NotScorable
from codec_bench.tokens import Bitstream, Code, Tokens, code_from_arrays

RATE = 16_000
"""Of the speech that is coded."""

KEPT = 0.75
"""Correlation from which on decoded audio has the waveform of the recording, so that its place can be seen."""


class Outcome(str, Enum):
    """What came of a check."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "FAIL"
    WARNING = "warning"
    SKIP = "does not apply"


OUTCOME_WIDTH = 14
"""Columns of the outcome in a line for people."""


@dataclass(frozen=True)
class Finding:
    """What came of one check.

    Attributes:
        name: What is promised.
        outcome: Whether it holds.
        detail: What was found, and what to do about it; empty where there is nothing to say.
    """

    name: str
    outcome: Outcome
    detail: str = ""

    @property
    def line(self) -> str:
        """For people."""
        return f"{self.outcome.value:<{OUTCOME_WIDTH}} {self.name}" + (f": {self.detail}" if self.detail else "")

    def describe(self) -> dict[str, str]:
        """For programs."""
        return {"check": self.name, "outcome": self.outcome.name.lower(), "detail": self.detail}


class Broken(AssertionError):  # noqa: N818 - an outcome
    """A promise does not hold; the message says what was found and what to do."""


class Doubtful(Exception):  # noqa: N818 - an outcome
    """A promise that may hold, and something that its author should know."""


class NotApplicable(Exception):  # noqa: N818 - an outcome
    """A promise that this codec does not make."""


class Subject:
    """A codec that is loaded, with speech to code; what was made of it once is kept.

    Args:
        codec: The codec.
        drops: Frames at the end that it leaves out, as its makers' code does.
        is_noise: Whether its weights are random, so that what it decodes says nothing.
    """

    def __init__(self, codec: Codec, *, drops: int = 0, is_noise: bool = False) -> None:
        self.codec = codec
        self.drops = drops
        self.is_noise = is_noise

    @cached_property
    def speech(self) -> Audio:
        """A second of the demo set."""
        return _demo("rms-01", 4800, 20_801)

    @cached_property
    def other(self) -> Audio:
        """Half a second of another voice."""
        return _demo("slt-02", 4800, 12_800)

    @cached_property
    def code(self) -> Code:
        """What the codec makes of the speech."""
        return self.codec.encode(self.speech)

    @cached_property
    def decoded(self) -> Audio:
        """The speech as it comes back."""
        if not self.codec.spec.decodes:
            raise NotApplicable("it has no decoder")
        return self.codec.decode(self.code)


def _demo(name: str, begin: int, end: int) -> Audio:
    path = next(utterance.path for utterance in Demo().utterances() if utterance.id == name)
    return Audio(read_audio(path).samples[begin:end], RATE)


def description(subject: Subject) -> None:
    """It says what it is, and is the same when made anew"""
    codec, cls = subject.codec, type(subject.codec)
    _holds(bool(codec.spec.title), "its spec has no `title`, which tables and messages show")
    has_frames = bool(codec.spec.codebooks or codec.spec.hop)
    _holds(has_frames, "its spec has neither `codebooks` nor `hop`, so nothing tells its frame rate")
    again = cls(codec.mode)
    again.__dict__.update({k: v for k, v in vars(codec).items() if k in ("_replaced", "_plug_in")})
    _holds(codec.fingerprint == again.fingerprint, "two objects of its class have different addresses")
    others = [cls(mode).fingerprint for mode in codec.modes if mode != codec.mode]
    _holds(codec.fingerprint not in others, "two of its `modes` have one address: their `specs` or `mode` are the same")
    for wrong in ("no such setting", *((None,) if codec.modes else ())):
        try:
            cls(wrong)
        except UsageError:
            continue
        raise Broken(f"the setting {wrong!r} is accepted: `mode_spec` raises `cls.no_such_mode(mode)` for what is none")
    absent = [name for name in ("licence", "source") if not getattr(codec.spec, name)]
    if absent:
        raise Doubtful(f"its spec states no {' and no '.join(absent)}, which tables name")


def shape(subject: Subject) -> None:
    """A second of speech is coded into the streams that its spec states"""
    _holds(subject.code.seconds > 0, "the code of a second of speech lasts 0 s")


def lengths(subject: Subject) -> None:
    """What comes back is as long as what was given, from one sample on, at any rate"""
    codec = subject.codec
    for rate in (8000, 44_100):
        samples = resample(subject.speech, rate).samples
        for length in (1, 10, rate // 10, rate // 3 | 1):
            given = f"{length} samples at {rate} Hz"
            try:
                code = codec.encode(Audio(samples[:length], rate))
                decoded = codec.decode(code) if codec.spec.decodes else None
            except CodecError as error:
                raise Broken(
                    f"{given} cannot be coded: {error}; see `min_samples` and `padding` of the spec"
                ) from error
            _holds((code.samples, code.sample_rate) == (length, rate), f"the code of {given} is of another length")
            if decoded is not None:
                _holds(len(decoded) == length_at(length, rate, decoded.rate), f"{given} come back as {len(decoded)}")
                _holds(bool(np.isfinite(decoded.samples).all()), f"{given} come back with NaN or infinite samples")


def independence(subject: Subject) -> None:
    """Nothing is left from the recording before, and the same comes out twice"""
    codec, code = subject.codec, subject.code
    if codec.spec.stochastic:
        raise NotApplicable("its spec says `stochastic=True`")
    different = codec.encode(subject.other)
    _holds(not same(different, code), "two recordings have the same code: does `_encode` look at its input?")
    if codec.spec.decodes:
        before, after = subject.decoded, codec.decode(different)
        _holds(
            not np.array_equal(after.samples, before.samples[: len(after)]), "two codes are decoded to the same audio"
        )
        _holds(
            np.array_equal(codec.decode(code).samples, before.samples),
            "a code is decoded to something else after another one was: state is left in the decoder, or chance is at "
            "work (begin anew in `_decode`, seed it, or say `stochastic=True`)",
        )
    _holds(
        same(codec.encode(subject.speech), code),
        "a recording has another code after another one was encoded: state is left in the encoder, dropout is on, or "
        "chance is at work (begin anew in `_encode`, call `.eval()`, or say `stochastic=True`)",
    )


def batches(subject: Subject) -> None:
    """A batch gives what single recordings give"""
    codec, given = subject.codec, [subject.speech, subject.other]
    if codec.spec.stochastic:
        raise NotApplicable("its spec says `stochastic=True`")
    codes = codec.encode_batch(given)
    wrong = [code for code, audio in zip(codes, given, strict=True) if not same(code, codec.encode(audio))]
    if wrong:
        raise Doubtful("`_encode_batch` gives other codes than `_encode`: is padding encoded as well?")


def payload(subject: Subject) -> None:
    """The payload is counted, and covers the recording"""
    codec, code, speech, spec = subject.codec, subject.code, subject.speech, subject.codec.spec
    frame = max([book.hop for book in spec.codebooks] or [spec.hop or 0]) / spec.input_rate
    # At most a frame that is begun, and one for what the decoder drops at the start.
    most = speech.seconds + spec.delay / spec.output_rate + 2 * frame + spec.padding / spec.input_rate
    least = speech.seconds - frame * subject.drops - spec.padding / spec.input_rate
    lasting = f"the code of {speech.seconds:.3f} s lasts {code.seconds:.3f} s: is `hop` right?"
    _holds(least <= code.seconds <= most, lasting)
    if isinstance(code, Bitstream):
        sent = 8 * sum(map(len, code.packets))
        _holds(0 < code.bits <= sent, f"{code.bits} bits are counted, and the packets have {sent}")
        _holds(code.seconds == len(code.packets) * (spec.hop or 0) / spec.input_rate, lasting)
        return
    _holds(
        len(code.streams) == len(spec.codebooks),
        f"{len(code.streams)} codebooks came, {len(spec.codebooks)} are stated",
    )
    for place, (stream, book) in enumerate(zip(code.streams, spec.codebooks, strict=True)):
        _holds(
            0 <= stream.codes.min() <= stream.codes.max() < book.size,
            f"codebook {place} has codes out of 0..{book.size - 1}",
        )
    used = code.prefix(codec.codebooks)
    stated, found = spec.bitrate(codec.codebooks), (used.bits - used.side_bits) / used.seconds
    if stated is None:
        raise NotApplicable(f"its rate is that of the recording: {found:.1f} bit/s here")
    _holds(
        abs(found - stated) <= 1e-9 * stated, f"{found:.1f} bit/s are sent, and the codebooks stand for {stated:.1f}"
    )


def storage(subject: Subject) -> None:
    """A code that was stored is decoded to the same"""
    restored, decoded = code_from_arrays(subject.code.to_arrays()), subject.decoded
    _holds(restored.bits == subject.code.bits, "its bits change when it is stored")
    if not subject.codec.spec.stochastic:
        _holds(
            np.array_equal(subject.codec.decode(restored).samples, decoded.samples),
            "it is decoded to something else: what the decoder needs besides the codes belongs into `Tokens.side`",
        )


def extremes(subject: Subject) -> None:
    """Silence stays silent, and audio beyond full scale is coded"""
    codec, speech = subject.codec, subject.speech
    silence = codec.encode(Audio(np.zeros(8001, np.float32), RATE))
    _holds(silence.bits > 0, "silence has no payload")
    loud = codec.encode(Audio(speech.samples * np.float32(4 / speech.peak), speech.rate))
    if not codec.spec.decodes:
        return
    quiet, clipped = codec.decode(silence), codec.decode(loud)
    _holds(
        bool(np.isfinite(quiet.samples).all()),
        "silence comes back with NaN or infinite samples: a division by its level?",
    )
    _holds(bool(np.isfinite(clipped.samples).all()), "loud speech comes back with NaN or infinite samples")
    _holds(not clipped.is_silent, "loud speech comes back silent")
    if quiet.peak >= 0.01 and not subject.is_noise:
        raise Doubtful(f"silence comes back with a peak of {quiet.peak:.3f}")


def place(subject: Subject) -> None:
    """The waveform comes back in its place"""
    if subject.is_noise or not subject.codec.spec.decodes:
        raise NotApplicable("it decodes nothing that could be compared")
    for rate in (RATE, 44_100):
        back = resample(subject.codec.decode(subject.codec.encode(resample(subject.speech, rate))), RATE)
        lag, alike = shift(subject.speech, back)
        if abs(alike) < KEPT:
            raise NotApplicable(f"it does not keep the waveform (correlation {alike:.2f} from 500 to 900 Hz)")
        if alike < 0:
            raise Broken("it comes back upside down: say `polarity=-1` in the spec")
        samples = round(lag * subject.codec.spec.output_rate / RATE)
        late = "late" if lag > 0 else "early"
        _holds(
            abs(lag) <= 1,
            f"it comes back {abs(samples)} samples {late} at {subject.codec.spec.output_rate} Hz: say "
            f"`delay={subject.codec.spec.delay + samples}` in the spec",
        )


def shift(original: Audio, found: Audio) -> tuple[int, float]:
    """By how many samples one signal is later than another, and how alike they are there, from -1 to 1."""
    from scipy.signal import correlate

    one, two = (_band(fit(audio.samples, len(original))) for audio in (original, found))
    products = correlate(two, one, method="fft")
    best = int(np.argmax(np.abs(products)))
    scale = float(np.sqrt(np.sum(one**2) * np.sum(two**2)))
    return best - (len(one) - 1), float(products[best]) / scale if scale else 0.0


def _band(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """What lies in 500 to 900 Hz: above, coders at a few kbit/s keep little of the waveform, and below, the high-pass
    filters that speech coders begin with move it.
    """
    from scipy.signal import butter, sosfiltfilt

    sections = butter(4, (500, 900), "bandpass", fs=RATE, output="sos")
    return np.asarray(sosfiltfilt(sections, samples.astype(np.float64)))


def prefixes(subject: Subject) -> None:
    """Fewer codebooks are a prefix of all"""
    codec, code = subject.codec, subject.code
    counts = sorted({*codec.prefixes, len(codec.spec.codebooks)})
    if len(counts) < 2 or not codec.spec.decodes:
        raise NotApplicable("it has one number of codebooks")
    few, all_of_them = (codec.decode(code, count) for count in (counts[0], counts[-1]))
    _holds(len(few) == len(all_of_them), "the number of codebooks changes the length")
    _holds(
        not np.array_equal(few.samples, all_of_them.samples),
        f"{counts[0]} and {counts[-1]} codebooks are decoded to the same: `_decode` uses those of `code.streams`",
    )
    alone = codec.decode(code.prefix(counts[0]), counts[0])
    if not codec.spec.stochastic:
        _holds(np.array_equal(alone.samples, few.samples), f"{counts[0]} codebooks alone are decoded to something else")


def causality(subject: Subject) -> None:
    """A codec that is called causal does not look ahead"""
    codec = subject.codec
    if not codec.spec.causal:
        raise NotApplicable("its spec does not say `causal=True`")
    rate = codec.spec.input_rate
    samples = resample(subject.speech, rate).samples
    changed = samples.copy()
    changed[len(samples) // 2 :] = 0
    before, after = (codec.encode(Audio(s, rate)) for s in (samples, changed))
    known = int(len(samples) // 2 / rate * (codec.spec.frame_rate or 1))
    ahead = "what comes later changes the code of what came before: it looks ahead, so it is not `causal`"
    if isinstance(before, Bitstream) and isinstance(after, Bitstream):
        _holds(before.packets[:known] == after.packets[:known], ahead)
        _holds(before.packets != after.packets, "what comes later changes nothing at all")
    elif isinstance(before, Tokens) and isinstance(after, Tokens):
        pairs = list(zip(before.streams, after.streams, strict=True))
        _holds(all(np.array_equal(a.codes[:known], b.codes[:known]) for a, b in pairs), ahead)
        _holds(not all(np.array_equal(a.codes, b.codes) for a, b in pairs), "what comes later changes nothing at all")


CHECKS: tuple[Callable[[Subject], None], ...] = (
    description, shape, lengths, independence, batches, payload, storage, extremes, place, prefixes, causality,
)  # fmt: skip
"""All checks; the docstring of each is what it promises."""


def title_of(check: Callable[[Subject], None]) -> str:
    """What a check promises, in one line."""
    return (check.__doc__ or check.__name__).splitlines()[0]


def found_by(check: Callable[[Subject], None], subject: Subject) -> Finding:
    """Runs a check on a codec that may do anything."""
    name = title_of(check)
    try:
        contained(check, subject)
    except NotApplicable as reason:
        return Finding(name, Outcome.SKIP, str(reason))
    except Doubtful as reason:
        return Finding(name, Outcome.WARNING, str(reason))
    except Broken as problem:
        return Finding(name, Outcome.FAIL, str(problem))
    except Exception as error:  # noqa: BLE001 - whatever a plug-in raises is what is looked for
        told = isinstance(error, CodecError | CodecBenchError | NotScorable) and error.__cause__ is None
        return Finding(name, Outcome.FAIL, str(error) if told else explained(error, type(subject.codec)))
    return Finding(name, Outcome.PASS)


def check(name: str, dataset: Dataset, utterances: int = 3, device: str = "cpu") -> Iterator[Finding]:
    """Checks a codec by all that every codec promises, and on the first utterances of a data set.

    Args:
        name: As for `load_codec`: `mine:Codec`, `mimi@8`.
        dataset: What is coded at the end.
        utterances: How many of it.
        device: Where the codec runs.

    Yields:
        What was found, in order.

    Raises:
        UsageError: There is no such codec, or it cannot be loaded.
    """
    try:
        codec = contained(load_codec, name, device)
    except CodecBenchError:
        raise
    except Exception as error:
        raise UsageError(f"{name} cannot be loaded: {explained(error)}") from error
    subject = Subject(codec)
    for one in CHECKS:
        yield found_by(one, subject)
    paths = [utterance.path for utterance, _ in zip(dataset.utterances(), range(utterances), strict=False)]
    yield _on_recordings(codec, dataset.name, (read_audio(path) for path in paths), len(paths))
    for note in codec.notes:
        yield Finding("What it returns has the stated shape", Outcome.WARNING, note)
    codec.close()


def _on_recordings(codec: Codec, dataset: str, recordings: Iterable[Audio], count: int) -> Finding:
    name = f"{count} utterance{'s' * (count != 1)} of {dataset} are coded"
    bits = seconds = taken = 0.0
    for number, audio in enumerate(recordings, 1):
        started = time.perf_counter()
        try:
            code = contained(codec.encode, audio)
            if codec.spec.decodes:
                contained(codec.decode, code)
        except Exception as error:  # noqa: BLE001 - as above
            return Finding(
                name, Outcome.FAIL, f"number {number}, {audio.seconds:.1f} s: {explained(error, type(codec))}"
            )
        taken += time.perf_counter() - started
        bits, seconds = bits + code.prefix(codec.codebooks).bits, seconds + code.seconds
    if not seconds:
        return Finding(name, Outcome.FAIL, "the data set has none")
    return Finding(
        name, Outcome.PASS, f"{bits / seconds / 1000:.2f} kbit/s, {taken / seconds:.3f} s per second of audio"
    )


def same(a: Code, b: Code) -> bool:
    """Whether two codes are the same to the last bit."""
    left, right = a.to_arrays(), b.to_arrays()
    return left.keys() == right.keys() and all(np.array_equal(left[key], right[key]) for key in left)


def _holds(condition: bool, problem: str) -> None:
    if not condition:
        raise Broken(problem)
