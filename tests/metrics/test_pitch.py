"""Pitch metrics: golden values of three trackers, published numbers on real codecs, and the definitions by hand."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.metrics import metric
from codec_bench.metrics.pitch import dio, dio_stonemask, is_track, median_pitch, praat
from codec_bench.metrics.signal import Feature, Recording
from codec_bench.records import Status
from tests.metrics.material import codec_recordings, golden

NAMES = ("gpe", "vde", "ffe", "vuv_f1", "logf0_rmse", "logf0_corr")
VARIANTS = {"pitch_dio5_stonemask": "", "pitch_dio5_raw": "[dio]", "pitch_praat10": "[praat]"}
PAIRS = [
    *(("espeak_ref", f"espeak_{d}") for d in ("ref", "noise20", "noise5", "mulaw4", "lp2500", "vibrato30")),
    ("flite_ref", "flite_noise15"),
    ("flite_ref", "flite_mulaw4"),
    ("glide_ref", "glide_gross25pct"),
]

encoded = Feature("test/f0-in-the-samples", lambda audio: audio.samples.astype(np.float64) * 1000)
"""A tracker that reads the pitch in kHz off the samples, to put known tracks into the metrics."""


@cache
def recording(path: Path) -> Recording:
    return Recording(read_audio(path))


def of_track(hertz: list[float]) -> Recording:
    return Recording(Audio(np.array(hertz, np.float32) / 1000, 16_000))


def by_hand(name: str, first: list[float], second: list[float]) -> float | None:
    made = replace(metric(name), params={"track": encoded})
    return made.score(of_track(first), of_track(second)).value


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(16_000 * seconds)) / 16_000
    return sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 9)) / 4


@pytest.mark.parametrize("key", VARIANTS)
@pytest.mark.parametrize(("ref", "deg"), PAIRS)
def test_golden_values(shared: Path, ref: str, deg: str, key: str) -> None:
    folder = shared / "golden" / "metrics"
    ref, deg = f"{ref}_16k", f"{deg}_16k"
    (expected,) = [p for p in golden(shared)["pairs"] if (p["ref"], p["deg"]) == (ref, deg)]
    if key not in expected:
        assert (ref, key) == ("glide_ref_16k", "pitch_dio5_raw")
        return
    expected = expected[key]
    pair = recording(folder / f"{ref}.wav"), recording(folder / f"{deg}.wav")
    gpe, vde, ffe, f1 = (metric(n + VARIANTS[key]).score(*pair) for n in ("gpe", "vde", "ffe", "vuv_f1"))
    assert (gpe.numerator, gpe.denominator) == (expected["n_gross"], expected["n_both_voiced"])
    tolerance = golden(shared)["tolerance"]["gpe_percent_same_tracker"]
    assert gpe.value == pytest.approx(expected["gpe_percent"], abs=tolerance)
    assert vde.value == pytest.approx(expected["vde_percent"], abs=tolerance)
    assert ffe.value == pytest.approx(expected["ffe_percent"], abs=tolerance)
    assert f1.value == pytest.approx(expected["vuv_f1"], abs=tolerance)


@pytest.mark.parametrize("variant", ["", "[dio]", "[praat]"])
def test_a_glide_with_a_known_share_of_gross_errors(shared: Path, variant: str) -> None:
    folder = shared / "golden" / "metrics"
    pair = [recording(folder / f"glide_{end}_16k.wav") for end in ("ref", "gross25pct")]
    assert metric(f"gpe{variant}").score(*pair).value == pytest.approx(25, abs=0.3)


@pytest.mark.long
@pytest.mark.parametrize(
    ("system", "name", "expected"),
    [
        ("LLM-Codec", "gpe", 1.861),
        ("LLM-Codec", "gpe[dio]", 1.741),
        ("LLM-Codec", "gpe[praat]", 2.695),
        ("EnCodec", "gpe", 3.763),
        ("EnCodec", "gpe[dio]", 3.396),
        ("EnCodec", "gpe[praat]", 5.15),
    ],
)
def test_pooled_over_real_codecs(shared: Path, system: str, name: str, expected: float) -> None:
    scores = [metric(name).score(*pair) for pair in codec_recordings(shared, system)]
    pooled = 100 * sum(s.numerator for s in scores) / sum(s.denominator for s in scores)
    assert pooled == pytest.approx(expected, abs=0.05)


def test_definitions_by_hand() -> None:
    #            both  gross  exact 20 %  voiced in one  neither
    first = [100.0, 100.0, 128.0, 100.0, 0.0, 0.0, 0.0]
    second = [110.0, 121.0, 153.0, 0.0, 90.0, 0.0, 0.0]
    assert by_hand("gpe", first, second) == pytest.approx(100 * 1 / 3)
    assert by_hand("vde", first, second) == pytest.approx(100 * 2 / 7)
    assert by_hand("ffe", first, second) == pytest.approx(100 * 3 / 7)
    assert by_hand("vuv_f1", first, second) == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    logs = np.log([1.1, 1.21, 153 / 128])
    assert by_hand("logf0_rmse", first, second) == pytest.approx(np.sqrt(np.mean(logs**2)), rel=1e-6)


def test_unvoiced_frames_are_no_pitch_of_zero() -> None:
    """A voicing error must not count as an error of 100 Hz, nor carry a correlation."""
    first, second = [100.0, 120.0, 150.0, 130.0], [100.0, 120.0, 150.0, 0.0]
    assert by_hand("logf0_rmse", first, second) == 0
    assert by_hand("logf0_corr", first, second) == pytest.approx(1)
    assert by_hand("gpe", first, second) == 0


def test_a_semitone_of_log_f0() -> None:
    track = [100.0, 120.0, 150.0, 130.0]
    higher = [f * 2 ** (1 / 12) for f in track]
    assert by_hand("logf0_rmse", track, higher) == pytest.approx(np.log(2) / 12, rel=1e-5)
    assert by_hand("logf0_corr", track, higher) == pytest.approx(1)
    assert by_hand("logf0_corr", track, [1e4 / f for f in track]) == pytest.approx(-1)


@pytest.mark.parametrize("length", [3, 4])
def test_the_longer_track_is_cut(length: int) -> None:
    track = [100.0, 120.0, 150.0, 0.0]
    assert by_hand("vde", track, [*track, 100.0, 100.0][:length] + [100.0] * 3) == (25.0 if length == 3 else 0.0)
    assert by_hand("vde", [*track, 100.0, 100.0], track) == 0


@pytest.mark.parametrize("name", NAMES)
def test_no_voice_is_a_status_and_no_number(name: str) -> None:
    click = np.zeros(8000)
    click[4000] = 0.5
    score = metric(name)(tone(120, 0.5), click, 16_000)
    if name in ("vde", "ffe"):  # these two count voicing errors, so they are defined here
        assert score.value is not None and score.value > 80
    elif name == "vuv_f1":
        assert score.value == 0
        assert metric(name)(click, click, 16_000).status is Status.UNVOICED
    else:
        assert (score.status, score.value) == (Status.UNVOICED, None)


def test_correlation_of_a_constant_or_of_two_frames_is_no_number() -> None:
    made = replace(metric("logf0_corr"), params={"track": encoded})
    constant = made.score(of_track([100.0] * 5), of_track([100.0, 110.0, 120.0, 130.0, 140.0]))
    assert (constant.status, constant.reason) == (Status.UNDEFINED, "the pitch is constant, so it has no correlation")
    short = made.score(of_track([100.0, 120.0, 0.0]), of_track([100.0, 120.0, 150.0]))
    assert short.status is Status.UNDEFINED and "2 frames" in short.reason


@pytest.mark.parametrize("samples", [1, 79, 80, 320, 639])
def test_short_signals(samples: int) -> None:
    signal = tone(120)[1 : 1 + samples]
    assert metric("vde")(signal, signal, 16_000).value == 0
    assert metric("vde[praat]")(signal, signal, 16_000).status is Status.TOO_SHORT
    assert metric("vde[praat]")(tone(120)[:640], tone(120)[:640], 16_000).value == 0


@pytest.mark.parametrize("track", [dio, dio_stonemask, praat])
def test_trackers_find_a_tone(track: Feature) -> None:
    f0 = track.function(Audio(tone(200).astype(np.float32), 16_000))
    assert f0.dtype == np.float64 and f0.ndim == 1
    assert np.median(f0[f0 > 0]) == pytest.approx(200, rel=0.005)


def test_another_variant() -> None:
    with pytest.raises(UsageError, match="did you mean 'praat'"):
        metric("gpe[pratt]")


def test_a_missing_praat_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "parselmouth", None)
    with pytest.raises(UnavailableError, match=r"pip install 'codec-bench\[praat\]'"):
        metric("gpe[praat]")(tone(120), tone(120), 16_000)


def test_the_median_pitch_of_a_recording_is_that_of_the_track_that_was_kept(tmp_path: Path):
    assert is_track(metric("ffe[fcpe]").features[0])
    assert not any(map(is_track, metric("wer").features))
    tone = np.sin(2 * np.pi * 130 * np.arange(32_000) / 16_000).cumsum().astype(np.float32)
    voice = Audio((0.3 * np.sign(tone - tone.mean())).astype(np.float32), 16_000)
    cache = ArrayCache(tmp_path)
    assert median_pitch("one", cache, dio_stonemask) is None
    Recording(voice, "one", cache, is_reference=True).feature(dio_stonemask, 16_000)
    assert median_pitch("one", cache, dio_stonemask) == pytest.approx(130, rel=0.01)
    Recording(Audio(np.zeros(16_000, np.float32), 16_000), "two", cache, is_reference=True).feature(dio, 16_000)
    assert median_pitch("two", cache, dio) is None
