"""What a probe sees of a recording."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from codec_bench.adapters.systems import parse_systems
from codec_bench.audio import Audio
from codec_bench.cache import ArrayCache
from codec_bench.coding.items import Item
from codec_bench.coding.local import local_dispatcher
from codec_bench.coding.rows import Row
from codec_bench.errors import UsageError
from codec_bench.files import digest, file_digest
from codec_bench.fingerprint import address
from codec_bench.probes.config import parse_input
from codec_bench.probes.frames import Extracted
from codec_bench.probes.inputs import (
    Frames,
    LogMel,
    RandomTokens,
    TokenFrames,
    aligned,
    sources_of,
)
from codec_bench.probes.run import alike
from codec_bench.records import Status, Utterance
from codec_bench.tokens import Codebook, Stream, Tokens


@pytest.fixture
def recording(tmp_path: Path) -> Item:
    samples = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    path = tmp_path / "noise.wav"
    soundfile.write(path, samples, 16_000)
    return Item(Utterance("noise", path), file_digest(path))


def test_log_mel_is_that_of_librosa(librosa: Any):
    samples = (0.1 * np.random.default_rng(1).standard_normal(16_000)).astype(np.float32)
    samples[8000:] *= 0.01
    found = LogMel.spectrogram(Audio(samples, 16_000))
    power = librosa.feature.melspectrogram(
        y=samples, sr=16_000, n_fft=512, win_length=400, hop_length=160, n_mels=80, center=True, pad_mode="constant"
    )
    wanted = np.log10(np.maximum(power[:, :100].T, 1e-10))
    wanted = np.maximum(wanted, wanted.max() - 8)
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_log_mel_keeps_the_level():
    samples = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    loud, quiet = (LogMel.spectrogram(Audio(np.float32(gain) * samples, 16_000)) for gain in (0.5, 0.05))
    np.testing.assert_allclose(loud - quiet, 2.0, atol=1e-3)  # 20 dB, in every band


def test_slow_codebooks_are_repeated():
    slow = Stream(np.array([5, 6]), Codebook(8, 960), Fraction(25, 2))
    fast = Stream(np.arange(8), Codebook(8, 240), Fraction(50))
    values, rate = aligned(Tokens((slow, fast)))
    assert values.tolist() == [[5, 0], [5, 1], [5, 2], [5, 3], [6, 4], [6, 5], [6, 6], [6, 7]]
    assert rate == 50


def test_rows_that_cannot_differ_are_found(tmp_path: Path):
    cache = ArrayCache(tmp_path)
    rows = {"a": (0, 1), "b": (0, 2), "c": (0, 1), "lost": ()}
    extracted = {}
    for label, values in rows.items():
        extracted[label] = Extracted({f"u{k}": digest(f"{label}{k}".encode()) for k in range(len(values))}, {})
        for name, place in extracted[label].addresses.items():
            cache.put(place, Frames(np.full((3, 1), values[int(name[1])]), 50.0, (4,)).to_arrays())
    found = {
        label: alike(own, {k: v for k, v in extracted.items() if k < label}, cache) for label, own in extracted.items()
    }
    assert found == {"a": None, "b": None, "c": "a", "lost": None}


def test_random_tokens_have_the_shape_and_are_uniform(recording: Item, tmp_path: Path):
    like = TokenFrames(Row(parse_systems(["codec2@1300"])[0]), local_dispatcher(tmp_path / "cache", "cpu"))
    real, drawn = like.frames(recording), RandomTokens(like, 0).frames(recording)
    assert (drawn.values.shape, drawn.sizes, drawn.rate) == (real.values.shape, real.sizes, real.rate)
    assert (drawn.values != real.values).mean() > 0.9
    assert 100 < drawn.values[:, :6].mean() < 155
    assert drawn.values[:, 6].max() < 16
    np.testing.assert_array_equal(drawn.values, RandomTokens(like, 0).frames(recording).values)
    assert (drawn.values != RandomTokens(like, 1).frames(recording).values).any()


def test_frames_are_made_once(recording: Item, tmp_path: Path):
    cache = ArrayCache(tmp_path / "frames")
    coding = local_dispatcher(tmp_path / "cache", "cpu")
    source = TokenFrames(Row(parse_systems(["codec2@1200"])[0]), coding)
    first = source.extract([recording], cache)
    written = cache.path(first.addresses["noise"]).stat().st_mtime_ns
    recording.utterance.path.unlink()  # the codec could not code it again
    assert source.extract([recording], cache) == first
    assert cache.path(first.addresses["noise"]).stat().st_mtime_ns == written
    entry = cache.get(first.addresses["noise"])
    assert entry is not None
    frames = Frames.from_arrays(entry)
    assert (frames.values.shape, frames.rate, frames.sizes) == ((26, 6), 25.0, (256,) * 6)  # one more for the delay


def test_frames_that_were_made_before_are_found(tmp_path: Path):
    """The addresses of frames of whole systems are as they were before parts of them could be read."""
    (row,) = [Row(system) for system in parse_systems(["codec2@1200"])]
    coding = local_dispatcher(tmp_path / "cache", "cpu")
    found = {kind: sources_of([row], kind, "", coding)[0].fingerprint for kind in ("tokens", "latents", "embeddings")}
    assert found == {
        "tokens": address(tokens=row.fingerprint),
        "latents": address(latents=row.fingerprint, name="", each=False),
        "embeddings": address(latents=row.fingerprint, name="", each=True),
    }


def test_a_recording_that_cannot_be_read_is_a_status(tmp_path: Path):
    path = tmp_path / "x.wav"
    path.write_bytes(b"no audio")
    found = LogMel().extract([Item(Utterance("x", path), file_digest(path))], ArrayCache(tmp_path))
    assert found.failed["x"].status is Status.UNREADABLE


def test_latents_are_those_of_the_codec(recording: Item, tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(shared))
    rows = [Row(system) for system in parse_systems(["lyra@4"])]
    (source,) = sources_of(rows, "latents", "", local_dispatcher(tmp_path / "cache", "cpu"))
    found = source.frames(recording)
    assert (found.values.shape, found.rate, found.sizes) == ((50, 64), 50.0, ())
    codec = rows[0].source
    codec.load()
    tokens = codec.encode(Audio(soundfile.read(recording.utterance.path, dtype="float32")[0], 16_000))
    np.testing.assert_array_equal(found.values, codec.latents(tokens.prefix(4))["quantized"])
    (wrong,) = sources_of(rows, "latents", "nothing", local_dispatcher(tmp_path / "cache", "cpu"))
    with pytest.raises(UsageError, match="it has quantized"):
        wrong.frames(recording)
    bits = [Row(system) for system in parse_systems(["codec2@1200"])]
    (source,) = sources_of(bits, "latents", "", local_dispatcher(tmp_path / "cache", "cpu"))
    with pytest.raises(UsageError, match="--input tokens"):
        source.frames(recording)


@pytest.mark.parametrize("text", ["audio", "tokens:x", "latents:", "embeddings:codebook_0"])
def test_unknown_inputs_are_refused(text: str):
    with pytest.raises(UsageError, match="--input"):
        parse_input(text)
