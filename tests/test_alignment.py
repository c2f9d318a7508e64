"""The lag of decoded audio: against SciPy's cross-correlation, and of real codecs whose delay is known."""

from __future__ import annotations

import io
import time
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
import pytest
import scipy.signal
import soundfile
from numpy.testing import assert_array_equal

from codec_bench import load_codec
from codec_bench.alignment import aligned, lag_ms, lag_samples, samples_of
from codec_bench.audio import Audio, FloatArray, read_audio, resample
from tests.small_runs import DEMO

RATES = (8_000, 16_000, 24_000, 44_100, 48_000)


@lru_cache(maxsize=1)
def speech() -> list[Audio]:
    """A sentence of each of four voices."""
    return [read_audio(path) for path in sorted((DEMO / "audio").glob("*.flac"))[::7]]


def late(samples: FloatArray, lag: int) -> FloatArray:
    """Samples behind `lag` zeros, or without their first ones, at the same length."""
    if lag < 0:
        return np.concatenate([samples[-lag:], np.zeros(-lag, np.float32)])
    return np.concatenate([np.zeros(lag, np.float32), samples])[: len(samples)]


def by_scipy(reference: FloatArray, decoded: FloatArray) -> int:
    """The lag of the largest magnitude of SciPy's cross-correlation."""
    correlation = np.abs(scipy.signal.correlate(decoded, reference, method="fft"))
    lags = scipy.signal.correlation_lags(len(decoded), len(reference))
    return int(lags[correlation.argmax()])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seconds", [0.064, -0.02, 0.3, 1 / 8000, 0])
def test_a_delay_is_found_to_the_sample(rate: int, seconds: float):
    for recording in speech():
        at_rate = resample(recording, rate)
        lag = round(seconds * rate)
        decoded = Audio(late(at_rate.samples, lag), rate)
        assert lag_samples(recording, decoded, rate) == lag == by_scipy(at_rate.samples, decoded.samples)


@pytest.mark.parametrize("change", ["inverted", "quiet", "low-pass", "noise", "clipped", "longer"])
def test_what_codecs_do_besides_does_not_hide_a_delay(change: str):
    generator = np.random.default_rng(0)
    low = scipy.signal.firwin(255, 1000, fs=16_000)
    for recording in speech():
        x = recording.samples
        y = {
            "inverted": -x,
            "quiet": 1e-3 * x,
            "low-pass": scipy.signal.fftconvolve(x, low)[127:][: len(x)],
            "noise": x + x.std() * generator.standard_normal(len(x)),
            "clipped": np.clip(x, -0.05, 0.05),
            "longer": np.concatenate([x, x[:2000]]),
        }[change]
        decoded = Audio(late(np.asarray(y, np.float32), 700), recording.rate)
        assert lag_samples(recording, decoded, recording.rate) == 700


def test_the_priming_of_an_aac_stream_is_found():
    """Every AAC encoder begins with 1024 samples that only a container could tell of, and ADTS has none."""
    for recording in speech():
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="adts") as box:
            stream = box.add_stream("aac", rate=recording.rate)
            stream.layout, stream.bit_rate = "mono", 64_000
            stream.open()
            size = stream.codec_context.frame_size
            for start in range(0, len(recording), size):
                part = np.ascontiguousarray(recording.samples[start : start + size][None])
                frame = av.AudioFrame.from_ndarray(part, "fltp", "mono")
                frame.sample_rate, frame.pts, frame.time_base = recording.rate, start, Fraction(1, recording.rate)
                box.mux(stream.encode(frame))
            box.mux(stream.encode(None))
        decoded = read_audio(buffer.getvalue())
        assert lag_samples(recording, decoded, recording.rate) == 1024


@pytest.mark.parametrize(("name", "within_ms"), [("opus@6000", 0.25), ("gsm", 0.07), ("amr-nb@4750", 0.25)])
def test_codecs_that_keep_the_waveform_are_where_they_were_put(name: str, within_ms: float):
    codec = load_codec(name)
    for recording in speech():
        decoded = codec.decode(codec.encode(recording))
        lag = round(0.064 * decoded.rate)
        found = lag_samples(recording, Audio(late(decoded.samples, lag), decoded.rate), decoded.rate)
        assert found is not None
        assert abs(lag_ms(found - lag, decoded.rate)) <= within_ms


@pytest.mark.parametrize("name", ["codec2@3200", "codec2@700C"])
def test_a_vocoder_that_invents_its_phases_is_found_by_its_levels(name: str):
    codec = load_codec(name)
    for recording in speech():
        decoded = codec.decode(codec.encode(recording))
        found = lag_samples(recording, Audio(late(decoded.samples, 512), decoded.rate), decoded.rate)
        assert found is not None
        assert abs(lag_ms(found, decoded.rate) - 64) < 4


@pytest.mark.parametrize("name", ["codec2@1600", "codec2@1200"])
def test_a_vocoder_that_is_not_late_has_no_lag(name: str):
    codec = load_codec(name)
    for recording in speech():
        decoded = codec.decode(codec.encode(recording))
        assert lag_samples(recording, decoded, decoded.rate) == 0
        assert lag_samples(recording, decoded, decoded.rate, by_levels=False) is None


def test_published_decodings_of_neural_codecs_are_not_late(shared):
    folder = shared / "data" / "testB_pairs"
    for system, within_ms in (("EnCodec", 0.2), ("LLM-Codec", 0.0)):
        paths = sorted((folder / system).glob("*.flac"))[:10]
        pairs = [(read_audio(folder / "GT" / path.name), read_audio(path)) for path in paths]
        found = [lag_samples(reference, decoded, decoded.rate) for reference, decoded in pairs]
        assert None not in found
        assert np.abs(found).max() / 16 <= within_ms


def test_where_nothing_is_clear_there_is_no_lag():
    first, second, *_ = speech()
    rate = first.rate
    tone = Audio(np.sin(np.arange(2 * rate) / 7).astype(np.float32), rate)
    noise = [np.random.default_rng(seed).standard_normal(2 * rate).astype(np.float32) for seed in (0, 1)]
    broken = first.samples.copy()
    broken[100] = np.nan
    for reference, decoded in (
        (first, second),
        (Audio(noise[0], rate), Audio(noise[1], rate)),
        (first, Audio(np.zeros(len(first), np.float32), rate)),
        (Audio(np.zeros(len(first), np.float32), rate), first),
        (first, Audio(np.zeros(0, np.float32), rate)),
        (first, Audio(first.samples[: rate // 10], rate)),
        (first, Audio(broken, rate)),
        (tone, Audio(tone.samples[50:], rate)),
    ):
        assert lag_samples(reference, decoded, rate) is None


def test_aligned_audio_is_the_recording_where_there_is_some():
    recording = speech()[0]
    for lag in (1000, -1000):
        moved = aligned(Audio(late(recording.samples, lag), recording.rate), lag, recording)
        assert len(moved) == len(recording)
        inner = slice(1000, -1000)
        assert_array_equal(moved.samples[inner], recording.samples[inner])
    assert not moved.samples[:1000].any()
    for lag in (0, None):
        assert aligned(recording, lag, speech()[1]) is recording


@pytest.mark.parametrize("rate", RATES)
def test_milliseconds_give_their_samples_back(rate: int):
    assert all(samples_of(lag_ms(lag, rate), rate) == lag for lag in range(-5000, 5000, 7))


def test_a_lag_costs_little():
    """About a hundredth of a second for eight seconds of speech, for which the default metrics take two seconds."""
    x = np.resize(speech()[0].samples, 8 * 16_000)
    pair = Audio(x, 16_000), Audio(late(x, 700), 16_000)
    lag_samples(*pair, 16_000)
    taken = []
    for _ in range(5):
        started = time.process_time()
        lag_samples(*pair, 16_000)
        taken.append(time.process_time() - started)
    assert min(taken) < 0.06


def test_a_long_recording_is_judged_by_its_beginning():
    x = np.tile(np.concatenate([audio.samples for audio in speech()]), 20)
    assert len(x) > 180 * speech()[0].rate
    started = time.process_time()
    assert lag_samples(Audio(x, 16_000), Audio(late(x, 320), 16_000), 16_000) == 320
    assert time.process_time() - started < 2


def test_a_file_of_the_pair_may_have_another_rate(tmp_path):
    recording = speech()[0]
    decoded = resample(recording, 48_000)
    soundfile.write(tmp_path / "late.wav", late(decoded.samples, 2400), 48_000, subtype="FLOAT")
    assert lag_samples(recording, read_audio(tmp_path / "late.wav"), 48_000) == 2400
