from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.errors import UnavailableError
from codec_bench.metrics import metric, secs
from codec_bench.metrics.secs import preprocessed_embedding, raw_embedding
from codec_bench.metrics.signal import Recording, feature_address
from codec_bench.records import Status
from tests.metrics import material
from tests.metrics.material import codec_pairs, golden
from tests.small_runs import DEMO

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("librosa")]

RATE = 16_000


def wave(shared: Path, name: str = "espeak_ref_16k") -> np.ndarray:
    return material.wave(shared, name)


@cache
def encoder() -> Any:
    import resemblyzer

    return resemblyzer.VoiceEncoder("cpu", verbose=False)


def by_library(samples: Any, preprocess: bool) -> Any:
    """The library from end to end."""
    import resemblyzer

    return encoder().embed_utterance(resemblyzer.preprocess_wav(samples) if preprocess else samples)


def test_golden_embedding(shared: Path) -> None:
    expected = golden(shared)["resemblyzer_embedding_first8_espeak_ref_16k"]
    np.testing.assert_allclose(preprocessed_embedding.function(Audio(wave(shared), RATE))[:8], expected, atol=1e-4)


@pytest.mark.parametrize(("seconds", "level"), [(0.5, 1.0), (1.6, 1.0), (1.61, 0.003), (2.9, 1.0), (3.2, 1.0)])
def test_equals_the_library(shared: Path, seconds: float, level: float) -> None:
    ((recording, _),) = codec_pairs(shared, "LLM-Codec", 1)
    speech = np.tile(recording[8000:], 2)[: int(seconds * RATE)] * np.float32(level)
    for feature, preprocess in ((preprocessed_embedding, True), (raw_embedding, False)):
        embedding = feature.function(Audio(speech, RATE))
        assert (embedding.dtype, embedding.shape) == (np.float32, (256,))
        np.testing.assert_allclose(embedding, by_library(speech, preprocess), atol=1e-5)


def test_identity_and_the_order_of_speakers(shared: Path) -> None:
    folder = shared / "data" / "testB_pairs" / "GT"
    files = sorted(folder.glob("*.flac"))[:2]
    one, other = (soundfile.read(file)[0] for file in files)
    assert files[0].name.split("_")[0] != files[1].name.split("_")[0]
    assert float(metric("secs")(one, one, RATE)) == pytest.approx(1, abs=1e-6)
    assert float(metric("secs")(one, other, RATE)) < 0.85


def test_no_speech_is_a_status_where_the_library_embeds_nothing(shared: Path) -> None:
    speech = wave(shared)
    click = np.eye(1, 2 * RATE, 9000, dtype=np.float32)[0]
    hiss = np.float32(0.1) * np.cos(np.pi * np.arange(2 * RATE, dtype=np.float32))
    for what, other in {"click": click, "hiss": hiss, "short": speech[:479], "offset": np.full(RATE, 0.1)}.items():
        for pair in ((speech, other), (other, speech), (other, other)):
            score = metric("secs")(*pair, RATE)
            assert (score.value, score.status) == (None, Status.NO_SPEECH), what
    assert len(by_library(click, preprocess=True)) == 256, "the library says nothing"


@pytest.mark.parametrize("samples", [480, 960, 8000])
def test_short_speech_is_defined(shared: Path, samples: int) -> None:
    speech = wave(shared)[8000 : 8000 + samples]
    value = metric("secs")(speech, speech, RATE)
    assert value.status in (Status.OK, Status.NO_SPEECH)
    assert value.value is None or value.value == pytest.approx(1, abs=1e-6)
    assert float(metric("secs[raw]")(speech, speech, RATE)) == pytest.approx(1, abs=1e-6)


def test_raw_needs_a_frame(shared: Path) -> None:
    speech = wave(shared)[8000:]
    assert metric("secs[raw]")(speech[:399], speech, RATE).status is Status.TOO_SHORT


def test_samples_beyond_full_scale_do_not_wrap_around(shared: Path) -> None:
    speech = wave(shared)
    loud = speech * np.float32(3 / np.abs(speech).max())
    assert float(metric("secs")(np.clip(loud, -1, 1), loud, RATE)) == pytest.approx(1, abs=1e-6)


def test_the_embedding_is_that_of_the_whole_recording(shared: Path) -> None:
    """A pair is cut to a common length, the embeddings are not: so a reference's can be kept between systems."""
    speech = wave(shared)
    whole = raw_embedding.function(Audio(speech, RATE)).astype(float)
    part = raw_embedding.function(Audio(speech[: len(speech) // 2], RATE)).astype(float)
    value = float(metric("secs[raw]")(speech, speech[: len(speech) // 2], RATE))
    assert value == pytest.approx(whole @ part, abs=1e-6)
    assert value < 0.999


def test_the_reference_is_embedded_once(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ArrayCache(tmp_path)
    reference = Recording(Audio(wave(shared), RATE), "reference", cache, is_reference=True)
    decoded = Recording(Audio(wave(shared, "espeak_noise20_16k"), RATE), "decoded", cache)
    first = metric("secs").score(reference, decoded)
    assert list(cache.get(feature_address("reference", preprocessed_embedding, RATE)) or {}) == ["value"]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 4096
    monkeypatch.setattr(secs, "_embed", None)
    again = Recording(Audio(wave(shared), RATE), "reference", cache, is_reference=True)
    assert float(metric("secs").score(again, decoded)) == float(first)


def test_threads_of_the_caller_stay_what_they_were(shared: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        metric("secs[raw]")(wave(shared)[:RATE], wave(shared)[:RATE], RATE)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secs, "WEIGHTS_SHA256", "0" * 64)
    secs._encoder.cache_clear()
    try:
        with pytest.raises(UnavailableError, match="another file"):
            secs._encoder()
    finally:
        secs._encoder.cache_clear()


def test_first_use_is_quiet_and_without_numba() -> None:
    code = (
        "import sys, numpy as np; from codec_bench.metrics import metric;"
        "x = np.random.default_rng(0).normal(size=32000);"
        "float(metric('secs[raw]')(x, x, 16000)); metric('secs')(x, x, 16000); assert 'numba' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_exact_copy_that_is_quieter_is_another_voice_as_the_docs_say():
    speech = read_audio(DEMO / "audio" / "awb-01.flac")
    found = [float(metric("secs")(speech.samples, speech.samples * 10 ** (db / 20), speech.rate)) for db in (-3, -12)]
    assert found == pytest.approx([0.984, 0.876], abs=0.002)
