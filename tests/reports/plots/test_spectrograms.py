"""Spectrograms of the worst utterances, of real runs and of tones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from PIL import Image

import codec_bench
from codec_bench.audio import Audio, read_audio
from codec_bench.reports.plots import write_plots
from codec_bench.reports.plots.spectrograms import spectrogram
from codec_bench.runs.directory import Run
from tests.reports.plots.material import drawn


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_a_full_scale_tone_has_0_db_at_its_frequency(rate: int):
    time = np.arange(rate) / rate
    level, highest = spectrogram(Audio(np.sin(2 * np.pi * 1000 * time).astype(np.float32), rate))
    assert highest == rate / 2
    middle = level[:, level.shape[1] // 2]
    assert middle.max() == pytest.approx(0.0, abs=0.05)
    assert np.argmax(middle) / (len(middle) - 1) * highest == pytest.approx(1000, abs=40)
    assert level.shape[1] == pytest.approx(100, abs=4)


def test_levels_are_those_of_scipys_spectrogram():
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    window = scipy.signal.get_window("hann", 400)
    # Our frames are centred on multiples of the step: one of them begins 120 samples in.
    _, _, expected = scipy.signal.spectrogram(
        samples[120:].astype(float), 16_000, window, noverlap=240, detrend=False, scaling="spectrum", mode="complex"
    )
    theirs = 20 * np.log10(2 * np.abs(expected))[1:-1]  # twice, as half of a tone lies at negative frequencies
    level, _ = spectrogram(Audio(samples, 16_000))
    first = next(i for i in range(6) if np.allclose(level[1:-1, i], theirs[:, 0], atol=1e-3))
    assert np.allclose(level[1:-1, first : first + 90], theirs[:, :90], atol=1e-3)


def test_short_audio_has_a_spectrogram():
    level, _ = spectrogram(Audio(np.zeros(10, dtype=np.float32), 16_000))
    assert level.max() == -160


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Codecs of two sampling rates on bundled sentences, with audio."""
    folder = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(folder / "home"))
        return codec_bench.run(
            ["codec2@700C", "codec2@3200", "opus@12000"], "demo", metrics=["stoi", "gpe", "si_sdr"], limit=4, jobs=1,
            keep_audio=True, out=folder / "run", report=False,
        )  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize(("metric", "better"), [("stoi", "higher"), ("gpe", "lower")])
def test_the_worst_utterance_of_each_codec_is_shown_beside_its_recording(real: Run, metric: str, better: str):
    figure = drawn(real, "spectrograms")[f"spectrograms_{metric}"].figure
    panels = [a for a in figure.axes if a.get_images()]
    assert len(panels) == 4
    shown = []
    for left, right in zip(panels[::2], panels[1::2], strict=True):
        utterance = left.get_title().removeprefix("recording · ")
        system = right.get_title().partition(" · ")[0]
        scores = (
            real.scores[(real.scores.system == system) & (real.scores.metric == metric)].set_index("utterance").value
        )
        worst = scores.min() if better == "higher" else scores.max()
        assert scores[utterance] == worst
        digits = real.metrics[metric]["digits"]
        assert f"{worst:.{digits}f}" in right.get_title()
        shown.append((system, worst))
        for axis, folder in ((left, "ground-truth"), (right, system)):
            audio = read_audio(real.path / "audio" / folder / f"{utterance}.wav")
            (image,) = axis.get_images()
            assert image.get_extent()[1] == pytest.approx(len(audio.samples) / audio.rate)
            assert image.get_extent()[3] == audio.rate / 2000
            assert image.get_clim() == (-80, 0)
        assert left.get_xlim() == right.get_xlim()
        assert left.get_ylim() == right.get_ylim()
        assert np.asarray(left.get_images()[0].get_array()).max() == pytest.approx(0.0)
    codecs = [system.partition("@")[0] for system, _ in shown]
    assert sorted(codecs) == ["codec2", "opus"]
    worsts = [worst for _, worst in shown]
    assert worsts == sorted(worsts, reverse=better == "lower")


def test_without_the_recordings_or_their_audio_there_is_no_picture(real: Run, tmp_path: Path):
    bare = Run(tmp_path, real.info)
    for name in ("scores.parquet", "summary.csv"):
        (tmp_path / name).write_bytes((real.path / name).read_bytes())
    assert drawn(bare, "spectrograms") == {}


@pytest.mark.slow
def test_a_real_run_gives_every_picture_that_its_data_allow(real: Run, tmp_path: Path):
    plots = {p.name: p for p in write_plots([real], tmp_path)}
    assert set(plots) == {
        "main_metrics", "spectral", "distributions_main_metrics", "distributions_spectral",
        "spectrograms_gpe", "spectrograms_stoi",
    } | {n for n in plots if n.startswith("lengths_")}  # fmt: skip
    assert all(p.paths[0].stat().st_size < 700_000 for p in plots.values())
    for plot in plots.values():
        (path,) = plot.paths
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"))
        assert min(pixels.shape) > 400
        assert pixels.std() > 10
        assert plot.title
        assert plot.caption.endswith(".")
