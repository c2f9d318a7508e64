"""Recognisers: golden hypotheses, independence of what was decoded before, silence, names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.errors import UsageError
from codec_bench.metrics import asr
from codec_bench.metrics.asr import (
    BACKENDS,
    Recogniser,
    backend,
    default_backend,
    model_recogniser,
    pocketsphinx,
    transcripts,
)
from codec_bench.metrics.asr import (
    hypothesis as kept_hypothesis,
)
from codec_bench.metrics.model import Model
from codec_bench.metrics.signal import Recording, feature_address


def hypothesis(audio: Audio) -> str:
    found = pocketsphinx.function(audio)
    assert found.shape == () and found.dtype.kind == "U"
    return str(found.item())


@pytest.fixture(scope="module")
def recordings(shared: Path) -> list[Audio]:
    """Two real recordings; the second changes what a decoder that is not reset hears in the first."""
    names = ("1284_1180_000045_000002", "1320_122612_000021_000000")
    return [read_audio(shared / "data" / "testB_pairs" / "GT" / f"{n}.flac") for n in names]


@pytest.mark.long
@pytest.mark.parametrize("voice", ["espeak", "flite"])
def test_golden_hypotheses(shared: Path, voice: str) -> None:
    folder = shared / "golden" / "metrics"
    expected = json.loads((folder / "golden.json").read_text())["pocketsphinx_hypotheses"][f"{voice}_ref_16k"]
    assert hypothesis(read_audio(folder / f"{voice}_ref_16k.wav")) == expected


@pytest.fixture(scope="module")
def heard(recordings: list[Audio]) -> list[str]:
    """Hypotheses of a new decoder, one after the other."""
    asr._decoder.cache_clear()
    texts = [hypothesis(audio) for audio in recordings]
    assert all(len(text.split()) > 5 for text in texts)
    return texts


@pytest.mark.long
def test_a_hypothesis_does_not_depend_on_what_was_decoded_before(recordings: list[Audio], heard: list[str]) -> None:
    asr._decoder.cache_clear()
    assert [hypothesis(audio) for audio in recordings[::-1]] == heard[::-1]


@pytest.mark.long
def test_the_decoder_does_carry_state_where_it_is_not_reset(recordings: list[Audio], heard: list[str]) -> None:
    """Or else the test above would prove nothing."""
    asr._decoder.cache_clear()
    decoder = asr._decoder()
    raw = []
    for audio in (*recordings, recordings[0]):
        decoder.start_utt()
        decoder.process_raw((audio.samples * 32768).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        raw.append(decoder.hyp().hypstr)
    assert raw[0] == heard[0]
    assert raw[0] != raw[2]


@pytest.mark.parametrize("level", [0.0, 2.0**-17])
def test_silence_has_no_words_and_needs_no_decoder(level: float) -> None:
    asr._decoder.cache_clear()
    assert hypothesis(Audio(np.full(16_000, level, np.float32), 16_000)) == ""
    assert asr._decoder.cache_info().currsize == 0


@pytest.mark.parametrize("samples", [1, 100, 700])
def test_short_audio_has_no_words(recordings: list[Audio], samples: int) -> None:
    assert hypothesis(Audio(recordings[0].samples[8000 : 8000 + samples], 16_000)) == ""


@pytest.mark.long
def test_clipping_audio_does_not_wrap_around(recordings: list[Audio]) -> None:
    """int16 of 1.0 * 32768 would be -32768."""
    loud = Audio(np.clip(recordings[1].samples[:48_000] * np.float32(4 / recordings[1].peak), -1, 1), 16_000)
    beyond = Audio(loud.samples * np.float32(1.5), 16_000)
    expected = hypothesis(Audio(np.clip(beyond.samples, -1, 1 - 2.0**-15), 16_000))
    assert len(expected.split()) > 3
    assert hypothesis(beyond) == expected


@pytest.mark.long
def test_decoding_is_quiet_and_keeps_to_its_own_model(
    recordings: list[Audio], heard: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POCKETSPHINX_PATH", "/nowhere")
    asr._decoder.cache_clear()
    assert hypothesis(recordings[0]) == heard[0]
    assert capfd.readouterr() == ("", "")


@pytest.mark.long
def test_a_transcript_is_kept_also_for_decoded_signals_and_can_be_read(
    recordings: list[Audio], heard: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArrayCache(tmp_path)
    assert kept_hypothesis("decoded", store, pocketsphinx) is None
    assert Recording(recordings[0], "decoded", store).feature(pocketsphinx, 16_000).item() == heard[0]
    assert kept_hypothesis("decoded", store, pocketsphinx) == heard[0]
    assert kept_hypothesis("another", store, pocketsphinx) is None
    failed = {"status": np.array("too_short"), "reason": np.array("why not")}
    store.put(feature_address("failed", pocketsphinx, 16_000), failed)
    assert kept_hypothesis("failed", store, pocketsphinx) is None
    asr._decoder.cache_clear()
    monkeypatch.setattr(asr, "_decoder", lambda: pytest.fail("it was decoded again"))
    assert Recording(recordings[0], "decoded", store).feature(pocketsphinx, 16_000).item() == heard[0]


def test_unknown_backends() -> None:
    with pytest.raises(UsageError, match="unknown ASR backend 'pocketsfinx'; did you mean 'pocketsphinx'"):
        backend("pocketsfinx")
    with pytest.raises(UsageError, match="pocketsphinx has one model"):
        backend("pocketsphinx:large")
    with pytest.raises(UsageError, match="ASR backend json:loads cannot be made"):
        backend("json:loads")  # a module and its function, which makes none


def test_known_backends() -> None:
    name, warning = default_backend()
    assert backend(name) is pocketsphinx is backend("pocketsphinx")
    assert "pocketsphinx" in warning and "codec-bench env create nemo" in warning
    assert BACKENDS.names() == ["pocketsphinx", "nemo", "whisper"]
    assert pocketsphinx.expensive and pocketsphinx.packages == ("pocketsphinx",)
    assert [pocketsphinx.knows(x) for x in ("en", "en-US", "en_GB", "EN", None, "zh", "fr", "enm")] == [True] * 5 + [
        False
    ] * 3


def test_a_backend_from_outside_gets_its_model() -> None:
    made = BACKENDS.add("outside", lambda model: Recogniser(f"outside/{model}", lambda _: np.array("x"), label=model))
    try:
        assert backend("outside:tiny:v2").label == "tiny:v2"
        assert backend("outside:tiny:v2").fingerprint != backend("outside").fingerprint
    finally:
        backend.cache_clear()
        BACKENDS._loaded.pop("outside")
    assert made("").languages == () and made("").knows("zh")


def test_a_model_hears_what_is_not_silent() -> None:
    sounds = [Audio(np.full(n, 0.5 * (n % 2), np.float32), 16_000) for n in (1, 2, 3, 4, 5)]
    model = Model("lengths", lambda device: device, lambda _, audios: transcripts(audios, _lengths))
    recogniser = model_recogniser(model, "test", ("en",))
    assert [str(text.item()) for text in model.apply("cpu", sounds)] == ["1 of 3", "", "3 of 3", "", "5 of 3"]
    assert recogniser.function(sounds[0]).item() == "1 of 1"
    assert recogniser.model is model and recogniser.expensive and recogniser.languages == ("en",)
    assert [str(text.item()) for text in model.apply("cpu", sounds[1:2])] == [""]


def _lengths(audios: list[Audio]) -> list[str]:
    assert audios, "a model is not asked about nothing"
    return [f" {len(audio)} of {len(audios)}" for audio in audios]
