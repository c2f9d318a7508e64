"""Learned metrics hear of files at other rates what the implementations of their authors hear."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from codec_bench.audio import Audio, FloatArray, read_audio, resample
from codec_bench.metrics import metric
from codec_bench.metrics.resampling import (
    FFMPEG,
    FFT,
    KAISER_BEST,
    KAISER_BEST_2016,
    LIBROSA,
    POLYPHASE,
    SINC,
    SINC_SHARP,
    SOXR_HQ,
    Resampler,
)
from codec_bench.metrics.signal import Feature, Recording
from tests.metrics.material import DATA

RATES = [8000, 22_050, 24_000, 44_100, 48_000]


@cache
def speech(rate: int) -> Audio:
    """1.5 s of a recording, at that rate as a file of 16 bits has it."""
    audio = resample(read_audio(DATA / "visqol/CA01_01.flac"), rate)
    part = audio.samples[rate // 2 : 2 * rate + 1]  # a length that divides by nothing
    return Audio(np.round(part * 32767).astype(np.int16).astype(np.float32) / 32768, rate)


def wav(audio: Audio) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, audio.samples, audio.rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


# What those who made the metrics call, for a signal and the rate that is wanted.


def torchaudio(audio: Audio, rate: int) -> FloatArray:
    import torch
    from torchaudio.functional import resample

    return resample(torch.from_numpy(audio.samples), audio.rate, rate).numpy()


def librosa(audio: Audio, rate: int, how: str = "soxr_hq") -> FloatArray:
    import librosa

    return librosa.resample(audio.samples, orig_sr=audio.rate, target_sr=rate, res_type=how)


def scipy(audio: Audio, rate: int) -> FloatArray:
    from scipy.signal import resample_poly

    common = np.gcd(audio.rate, rate)
    return resample_poly(audio.samples.astype(np.float64), rate // common, audio.rate // common)


def faster_whisper(audio: Audio, rate: int) -> FloatArray:
    from faster_whisper.audio import decode_audio

    return decode_audio(io.BytesIO(wav(audio)), rate)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("ours", "theirs", "wanted"),
    [
        (SINC, torchaudio, 16_000),
        (LIBROSA, librosa, 16_000),
        (SOXR_HQ, librosa, 16_000),
        (FFT, partial(librosa, how="fft"), 48_000),
        (POLYPHASE, scipy, 48_000),
        (FFMPEG, faster_whisper, 16_000),
    ],
    ids=lambda value: getattr(value, "name", None),
)
@pytest.mark.usefixtures("librosa")
def test_equal_to_the_original(ours: Resampler, theirs: Callable[..., Any], wanted: int, rate: int) -> None:
    made, expected = ours(speech(rate), wanted), theirs(speech(rate), wanted)
    assert made.rate == wanted
    length = min(len(made), len(expected))
    assert max(len(made), len(expected)) - length <= (ours in (SOXR_HQ, FFMPEG))  # librosa rounds lengths up
    step = 1 / 32768 if ours is FFMPEG else 0.0  # FFmpeg may round a sample to the other side
    np.testing.assert_allclose(made.samples[:length], expected[:length], atol=1e-5 + step)


@pytest.mark.parametrize(
    ("ours", "levels", "tolerance"),
    [
        (KAISER_BEST, (0.05721, 0.05704, 0.05701, 0.05704, 0.05638), 1e-3),
        # Its table has 512 steps, of which it takes whole ones: 3 to 11 % lower where a rate is lowered.
        (KAISER_BEST_2016, (0.23099, 0.22279, 0.22526, 0.20556, 0.20669), 0.026),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_roll_off_is_that_of_resampy(ours: Resampler, levels: tuple[float, ...], tolerance: float) -> None:
    """The level of a tone at 47 % of the lower rate: of resampy 0.4.3 and 0.2.2, `filter="kaiser_best"`."""
    for rate, level in zip(RATES, levels, strict=True):
        tone = 0.5 * np.sin(2 * np.pi * 0.47 * min(rate, 16_000) / rate * np.arange(4000))
        made = ours(Audio(tone.astype(np.float32), rate), 16_000).samples[300:1000]
        assert np.sqrt(np.mean(made**2)) == pytest.approx(level, abs=tolerance), rate


def test_a_signal_at_its_rate_is_not_touched() -> None:
    audio = speech(24_000)
    assert all(made(audio, rate) is audio for made in (SINC, FFMPEG, SOXR_HQ) for rate in (0, 24_000))
    assert len(SINC(Audio(np.zeros(0, np.float32), 8000), 16_000)) == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("utmos", SINC),
        ("ecapa_sim", SINC),
        ("spk_sim[wavlm-large]", SINC),
        ("emo_sim", SINC),
        ("emo_sim[plus-large]", SINC),
        ("vuv_f1_crepe", SINC),
        ("gpe[fcpe]", SINC_SHARP),
        ("plcmos", LIBROSA),
        ("utmosv2", LIBROSA),
        ("scoreq", SINC),
        ("squim.pesq", SINC),
        ("audiobox.pq", SINC),
        ("speechbertscore", SINC),
        ("mosnet", KAISER_BEST_2016),
        ("fad", KAISER_BEST),
        ("wer[whisper:tiny.en]", FFMPEG),
        ("wer[nemo]", SOXR_HQ),
        ("dnsmos", LIBROSA),
        ("secs", SOXR_HQ),
        ("campplus_sim", SOXR_HQ),  # SoX, of which soxr is a part
    ],
)
def test_each_metric_has_the_resampler_of_its_authors(name: str, expected: Resampler) -> None:
    (heard,) = [value for value in metric(name)._bound_params().values() if isinstance(value, Feature)]
    assert heard.resampler is expected


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.usefixtures("librosa")
def test_secs_of_a_file_is_that_of_resemblyzer(rate: int, tmp_path: Path) -> None:
    import resemblyzer

    path = tmp_path / "speech.wav"
    path.write_bytes(wav(speech(rate)))
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    other = speech(16_000)
    pair = [encoder.embed_utterance(resemblyzer.preprocess_wav(made)) for made in (path, other.samples)]
    ours = metric("secs").score(Recording(other), Recording(speech(rate)))
    assert float(ours) == pytest.approx(float(pair[0] @ pair[1]), abs=2e-3)


@pytest.mark.long
def test_nisqa_at_48_khz_is_what_versa_has(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(shared))
    noise = read_audio(DATA / "versa/test2.wav")
    expected = {"": 0.6706185, ".noi": 1.1474215, ".dis": 1.8560395, ".col": 0.90170276, ".loud": 1.4682994}
    for scale, value in expected.items():
        made = metric(f"nisqa{scale}[48000]")(decoded=noise.samples, rate=noise.rate)
        assert float(made) == pytest.approx(value, abs=1e-4), scale
