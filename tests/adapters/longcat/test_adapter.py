"""The codecs as users see them, on the small weights."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from codec_bench.adapters.longcat.adapter import (
    CMVN_FILE,
    ENCODER_FILE,
    LongCat,
    LongCat24k,
    LongCat24kAugSft,
    LongCat24kSft,
)
from codec_bench.adapters.longcat.streaming import StreamingDecoder
from codec_bench.adapters.streams import Streams
from codec_bench.adapters.systems import load_codec, parse_systems
from codec_bench.audio import Audio, length_at
from codec_bench.coding.rows import Row, describe_system
from codec_bench.errors import CodecError, UnavailableError, UsageError
from codec_bench.tokens import Tokens, code_from_arrays

pytestmark = pytest.mark.long

CODECS = [LongCat, LongCat24k, LongCat24kSft]


@pytest.fixture
def here(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small weights are in a mirror."""
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror))
    return mirror


@pytest.fixture
def codec(here: Path, request: pytest.FixtureRequest) -> Iterator[LongCat]:
    made: LongCat = request.param()
    made.load()
    yield made
    made.close()


every_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda c: c.name, indirect=True)
one_codec = pytest.mark.parametrize("codec", [LongCat24k], ids=lambda c: c.name, indirect=True)


def noise(samples: int, rate: int = 16_000, seed: int = 0) -> Audio:
    return Audio(np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32), rate)


def test_bitrates():
    assert [round(LongCat().spec.bitrate(n) or 0, 1) for n in (2, 3, 4)] == [433.3, 650.0, 866.7]
    assert LongCat().spec.frame_rate == pytest.approx(50 / 3)
    assert LongCat24kSft().spec.bitrate() == pytest.approx(1300 / 3)


@pytest.mark.parametrize("cls", CODECS)
def test_one_codebook_is_refused(cls: type[LongCat]):
    with pytest.raises(UsageError, match="codebooks, not 1"):
        cls(codebooks=1)
    for names, codebooks in (([cls.name], [1]), ([f"{cls.name}@5"], [])):
        with pytest.raises(UsageError, match=r"codebooks, not [15]"):
            parse_systems(names, codebooks)
    with pytest.raises(UsageError, match="has no setting 'x'"):
        cls("x")


@pytest.mark.parametrize(
    ("cls", "name", "most"), [(LongCat, "16k_4", 3), (LongCat24k, "24k_4", 3), (LongCat24kSft, "24k_2", 1)]
)
def test_golden_audio_through_the_codec(
    here: Path, golden: Mapping[str, NDArray[Any]], cls: type[LongCat], name: str, most: int
):
    made = cls()
    made.load()
    code = made.encode(Audio(golden["wav16k"], 16_000))
    assert isinstance(code, Tokens)
    expected_codes = np.concatenate([golden["semantic"], golden["acoustic"][0, :most]])
    assert np.array_equal([s.codes for s in code.streams], expected_codes)
    for count in range(2, most + 2):
        audio = made.decode(code, count)
        expected = golden[f"dec_{name}codebooks_n{count - 1}"]
        assert len(audio) == length_at(16_480, 16_000, audio.rate) < len(expected)
        assert np.abs(audio.samples - expected[: len(audio)]).max() < 2e-4


@every_codec
def test_lengths(codec: LongCat):
    for samples in (1, 7, 2205, 7351):
        code = codec.encode(noise(samples, 22_050))
        audio = codec.decode(code)
        assert audio.rate == codec.spec.output_rate
        assert len(audio) == length_at(samples, 22_050, audio.rate)
        assert isinstance(code, Tokens)
        assert len(code.streams) == len(codec.spec.codebooks)
        assert code.bits / code.seconds == pytest.approx(codec.spec.bitrate())


@one_codec
def test_a_long_recording_is_cut_into_equal_pieces(codec: LongCat):
    audio = noise(16_000 * 61)
    code = codec.encode(audio)
    assert isinstance(code, Tokens)
    cuts = code.side["cuts"]
    assert cuts.dtype == np.int64
    assert cuts.tolist() == [339 * 960, 678 * 960]
    assert code.side_bits == 0
    edges = [0, *cuts.tolist(), len(audio)]
    parts = [codec.encode(Audio(audio.samples[a:b], 16_000)) for a, b in pairwise(edges)]
    for k, stream in enumerate(code.streams):
        pieces = [part.streams[k].codes for part in parts if isinstance(part, Tokens)]
        assert np.array_equal(stream.codes, np.concatenate(pieces))
    decoded = codec.decode(code)
    assert len(decoded) == 24_000 * 61
    restored = code_from_arrays(code.to_arrays())
    assert isinstance(restored, Tokens)
    assert restored.side["cuts"].tolist() == cuts.tolist()
    assert np.array_equal(codec.decode(restored).samples, decoded.samples)


@every_codec
def test_latents(codec: LongCat):
    code = codec.encode(noise(9600))
    assert isinstance(code, Tokens)
    named = codec.latents(code)
    count = len(code.streams)
    assert set(named) == {"semantic_embedding", "acoustic_embedding", *(f"codebook_{i}" for i in range(count))}
    assert {a.dtype for a in named.values()} == {np.dtype(np.float32)}
    assert all(a.shape == (10, 32) for a in named.values())
    parts = np.sum([named[f"codebook_{i}"] for i in range(1, count)], axis=0)
    assert np.abs(named["acoustic_embedding"] - parts).max() < 1e-6
    assert np.array_equal(named["semantic_embedding"], named["codebook_0"])
    two = codec.latents(code.prefix(2))
    assert np.array_equal(two["acoustic_embedding"], named["codebook_1"])
    assert set(codec.latents(code.prefix(1))) == {"codebook_0", "semantic_embedding"}
    same = code.streams[0].codes == code.streams[0].codes[0]
    assert (named["codebook_0"][same] == named["codebook_0"][0]).all()


@one_codec
def test_hidden_states_name_the_nearest_centroid(codec: LongCat):
    audio = noise(16_000)
    hidden = codec.hidden_states(audio.samples)
    assert hidden.shape == (17, 32)
    assert hidden.dtype == np.float32
    code = codec.encode(audio)
    assert isinstance(code, Tokens)
    unit = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
    every = codec._loaded_encoder().centroids(np.arange(8192))
    distance = ((unit[:, None] - every) ** 2).sum(-1)
    assert np.array_equal(distance.argmin(1), code.streams[0].codes)


@one_codec
def test_the_encoder_can_be_released(codec: LongCat):
    code = codec.encode(noise(3000))
    before = codec.decode(code).samples
    codec.release_encoder()
    assert codec._encoder is None
    assert np.array_equal(codec.decode(code).samples, before)
    again = codec.encode(noise(3000))
    assert isinstance(code, Tokens)
    assert isinstance(again, Tokens)
    assert all(np.array_equal(a.codes, b.codes) for a, b in zip(code.streams, again.streams, strict=True))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision(here: Path, golden: Mapping[str, NDArray[Any]], precision: str):
    made, half = LongCat24k(), LongCat24k()
    half.use_precision(precision)
    assert half.fingerprint != made.fingerprint
    for codec in (made, half):
        codec.load()
    audio = Audio(golden["wav16k"], 16_000)
    code, other = made.encode(audio), half.encode(audio)
    equal = [np.mean(a.codes == b.codes) for a, b in zip(code.streams, other.streams, strict=True)]
    assert np.mean(equal) > 0.8  # a token tips over here and there; the quantisers themselves stay in float32
    full, rough = (c.decode(code).samples for c in (made, half))
    assert rough.dtype == np.float32
    assert 0 < np.square(rough - full).mean() < 0.01 * np.square(full).mean()


def test_a_row_in_half_precision_says_so(here: Path):
    full, half, *swept = parse_systems(["longcat@3", "longcat@3:bf16", "longcat@fp16"])
    assert [s.label for s in (full, half)] == ["longcat@3", "longcat@3:bf16"]
    assert [s.label for s in swept] == ["longcat@2:fp16", "longcat@3:fp16", "longcat@4:fp16"]
    assert len({s.fingerprint for s in (full, half, swept[1])}) == 3
    assert (describe_system(Row(half))["precision"], describe_system(Row(full))["precision"]) == ("bf16", None)
    again = load_codec("longcat@3:bf16")
    assert again.fingerprint == half.source.fingerprint
    audio = Audio(np.ones(4000, np.float32), 16_000)
    code = again.encode(audio)
    heard = [codec.decode(code).samples for codec in (again, load_codec("longcat@3"))]
    assert not np.array_equal(*heard)


def test_streaming_belongs_to_24_khz(here: Path):
    made, streamed = LongCat(), LongCat24k()
    for codec in (made, streamed):
        codec.load()
    assert not isinstance(made, Streams)  # so that a run tells before it starts
    with pytest.raises(CodecError, match="16 kHz decoder cannot decode a stream"):
        StreamingDecoder(made._loaded_decoder())
    code = streamed.encode(noise(20_000))
    session = streamed.stream()
    audio = np.concatenate([session.push(streamed.stacked_books(code)), session.flush()])
    expected = streamed.decode(code).samples
    assert np.abs(audio[: len(expected)] - expected).max() < 1e-5


@pytest.mark.as_user
def test_a_session_of_a_setting_leaves_what_other_books_it_is_given(here: Path):
    full, two = load_codec("longcat-24k@4"), load_codec("longcat-24k@2")
    books = np.stack([stream.codes for stream in full.encode(noise(20_000)).streams])
    heard = []
    for codec, given in ((two, books), (two, books[:2]), (full, books)):
        session = codec.stream()
        heard.append(np.concatenate([session.push(given), session.flush()]))
    assert np.array_equal(heard[0], heard[1]) and not np.array_equal(heard[0], heard[2])


@pytest.mark.parametrize("cls", CODECS)
def test_without_weights(cls: type[LongCat]):
    reason = cls.unavailable()
    assert reason is not None
    assert "3 of its files" in reason
    assert f"codec:{cls.name}" in reason
    assert "\n" not in reason
    with pytest.raises(UnavailableError, match=r"encoder.pt is in none of"):
        cls().load()
    with pytest.raises(CodecError, match="not loaded"):
        cls().encode(noise(100))


def test_with_weights(here: Path):
    assert all(cls.unavailable() is None for cls in CODECS)
    digests = LongCat().weight_digests()
    assert [path.rsplit("/", 1)[-1] for path in digests] == [ENCODER_FILE, CMVN_FILE, LongCat.decoder_file]
    assert all(len(digest) == 64 for digest in digests.values())


def test_the_weights_are_in_the_fingerprint(here: Path, weights: Path, tmp_path: Path):
    """A checkpoint of other bytes is another system; the same bytes at another place are not."""
    for name in (ENCODER_FILE, CMVN_FILE, LongCat.decoder_file):
        shutil.copy(weights / name, tmp_path / name)
    published, copied = LongCat(), LongCat()
    copied.use_checkpoint(tmp_path)
    assert copied.fingerprint == published.fingerprint
    retrain(tmp_path / LongCat.decoder_file)
    assert copied.fingerprint != published.fingerprint
    assert len({cls().fingerprint for cls in CODECS}) == 3


def test_a_folder_replaces_what_it_has(here: Path, weights: Path, tmp_path: Path):
    (tmp_path / "ckpts").mkdir()
    path = tmp_path / "ckpts" / LongCat.decoder_file
    shutil.copy(weights / LongCat.decoder_file, path)
    retrain(path)
    published, other = LongCat(), LongCat()
    other.use_checkpoint(tmp_path)
    assert [w.path.rsplit("/", 1)[-1] for w in other.needed_weights()] == [ENCODER_FILE, CMVN_FILE]
    assert len(published.needed_weights()) == len(LongCat.weights()) == 3
    ours, theirs = published.weight_digests(), other.weight_digests()
    assert [key.rsplit("/", 1)[-1] for key in ours if ours[key] != theirs[key]] == [LongCat.decoder_file]
    assert outputs(published, other) == (True, False)


def test_a_file_replaces_what_its_tensors_tell(here: Path, weights: Path, tmp_path: Path):
    decoder, encoder = tmp_path / "step-9000.pt", tmp_path / "best.pt"
    shutil.copy(weights / LongCat.decoder_file, decoder)
    shutil.copy(weights / ENCODER_FILE, encoder)
    retrain(decoder)
    retrain(encoder)
    for path, expected in ((decoder, (True, False)), (encoder, (False, False))):
        published, other = LongCat(), LongCat()
        other.use_checkpoint(path)
        assert other.fingerprint != published.fingerprint
        assert outputs(published, other) == expected


def test_mel_statistics_can_be_replaced(here: Path, weights: Path, tmp_path: Path):
    statistics = np.load(weights / CMVN_FILE)
    statistics[0, :-1] += statistics[0, -1]
    statistics[1, :-1] += 2 * statistics[0, :-1] + statistics[0, -1]
    np.save(tmp_path / "other.npy", statistics)
    published, other = LongCat(), LongCat()
    other.use_checkpoint(tmp_path / "other.npy")
    assert other.fingerprint != published.fingerprint
    assert outputs(published, other)[0] is False


def test_a_checkpoint_alone_is_enough(weights: Path):
    """Without any mirror."""
    made = LongCat24k()
    made.use_checkpoint(weights)
    assert made.needed_weights() == ()
    made.load()
    assert len(made.decode(made.encode(noise(500)))) == 750


def test_checkpoints_that_do_not_fit(here: Path, weights: Path, tmp_path: Path):
    with pytest.raises(UnavailableError, match="does not exist"):
        LongCat().use_checkpoint(tmp_path / "nothing.pt")
    with pytest.raises(UnavailableError, match=r"has none of LongCatAudioCodec_encoder.pt, "):
        LongCat().use_checkpoint(tmp_path)
    for cls in CODECS:
        for other in CODECS:
            if other is not cls:
                with pytest.raises(UnavailableError, match=f"but {cls.name} decodes with the .* kHz decoder"):
                    cls().use_checkpoint(weights / other.decoder_file)
    (tmp_path / "text.pt").write_text("weights")
    with pytest.raises(UnavailableError, match=r"text.pt is not a PyTorch checkpoint"):
        LongCat().use_checkpoint(tmp_path / "text.pt")


def test_the_tuned_decoder_is_one_of_24_khz_with_its_own_file(weights: Path, tmp_path: Path):
    files = {name: name for name in (ENCODER_FILE, CMVN_FILE)}
    for name, source in (files | {LongCat24kAugSft.decoder_file: LongCat24k.decoder_file}).items():
        shutil.copy(weights / source, tmp_path / name)
    made, other = LongCat24kAugSft(), LongCat24k()
    assert [weight.path.split("/")[1] for weight in made.spec.weights] == [*["meituan-longcat"] * 2, "Vyvo-Research"]
    made.use_checkpoint(tmp_path)
    other.use_checkpoint(weights)
    codes = np.random.default_rng(0).integers(0, 8100, (4, 5))
    for codec in (made, other):
        codec.load()
    assert np.array_equal(made._decode(made.tokens(codes)), other._decode(other.tokens(codes)))
    assert made.stream().push(codes).size == 2 * 1440
    with pytest.raises(UnavailableError, match="longcat-24k-aug-sft decodes with the 24 kHz decoder with 3 acoustic"):
        LongCat24kAugSft().use_checkpoint(weights / LongCat24kSft.decoder_file)


def test_files_under_each_others_names(here: Path, weights: Path, tmp_path: Path):
    swapped = {
        ENCODER_FILE: LongCat.decoder_file,
        LongCat.decoder_file: LongCat24k.decoder_file,
        LongCat24k.decoder_file: LongCat24kSft.decoder_file,
        LongCat24kSft.decoder_file: ENCODER_FILE,
    }
    for name, source in swapped.items():
        shutil.copy(weights / source, tmp_path / name)
    for cls, message in (
        (LongCat, "16k_4codebooks.pt is the 24 kHz decoder with 3 acoustic codebooks, but longcat"),
        (LongCat24k, "24k_4codebooks.pt is the 24 kHz decoder with 1 acoustic codebook, but longcat-24k"),
        (LongCat24kSft, "24k_2codebooks.pt is the encoder with 3 acoustic codebooks, but longcat-24k-sft"),
    ):
        made = cls()
        made.use_checkpoint(tmp_path)
        with pytest.raises(UnavailableError, match=message):
            made.load()
    shutil.copy(weights / LongCat.decoder_file, tmp_path / LongCat.decoder_file)
    made = LongCat()
    made.use_checkpoint(tmp_path)
    with pytest.raises(UnavailableError, match=r"encoder.pt is the 16 kHz decoder .*, not the encoder"):
        made.load()
    with pytest.raises(CodecError, match="not loaded"):
        made.encode(noise(100))


def test_torch_is_not_imported_to_look_around(weights: Path):
    code = f"""
import sys
from pathlib import Path
from codec_bench.adapters.longcat.adapter import LongCat, LongCat24k, LongCat24kSft
for cls in (LongCat, LongCat24k, LongCat24kSft):
    cls().spec.bitrate(2)
    cls.unavailable()
made = LongCat24k()
made.use_checkpoint(Path({str(weights)!r}))
made.use_checkpoint(Path({str(weights)!r}) / LongCat24k.decoder_file)
made.use_checkpoint(Path({str(weights)!r}))
made.fingerprint
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def retrain(path: Path) -> None:
    """Changes the weights of a file a little, as another training run would."""
    import torch

    tensors = torch.load(path, weights_only=True)
    torch.save({name: tensor * 1.1 for name, tensor in tensors.items()}, path)


def outputs(one: LongCat, two: LongCat) -> tuple[bool, bool]:
    """Whether two codecs give the same codes, and the same audio."""
    found = []
    for codec in (one, two):
        codec.load()
        code = codec.encode(noise(16_000))
        assert isinstance(code, Tokens)
        found.append((np.stack([s.codes for s in code.streams]), codec.decode(code).samples))
        codec.close()
    (codes, audio), (other_codes, other_audio) = found
    return np.array_equal(codes, other_codes), np.array_equal(audio, other_audio)


def test_batches_of_recordings_give_what_single_ones_give(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror))
    codec = load_codec("longcat@3")
    generator = np.random.default_rng(3)
    audios = [
        Audio(generator.normal(0, 0.1, n).astype(np.float32), rate)
        for n, rate in ((16_000, 16_000), (7, 16_000), (40_001, 24_000), (31_000, 8_000))
    ]
    together = codec.encode_batch(audios)
    for audio, code in zip(audios, together, strict=True):
        alone = codec.encode(audio)
        assert all(np.array_equal(a.codes, b.codes) for a, b in zip(alone.streams, code.streams, strict=True))
        assert (alone.samples, alone.sample_rate) == (code.samples, code.sample_rate)
    for code, decoded in zip(together, codec.decode_batch(together), strict=True):
        np.testing.assert_allclose(decoded.samples, codec.decode(code).samples, atol=1e-5)
