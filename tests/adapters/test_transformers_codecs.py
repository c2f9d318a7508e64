"""The codecs of transformers against direct calls of its models, which have random weights and the published rates."""

from __future__ import annotations

import itertools
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import codec_bench
from codec_bench.adapters.transformers.codec import TransformersCodec
from codec_bench.audio import Audio, FloatArray, length_at, read_audio, resample
from codec_bench.errors import CodecError, UnavailableError, UsageError
from codec_bench.inference import PRECISIONS
from codec_bench.tokens import Tokens
from codec_bench.verification import Answers, Outcome
from codec_bench.verification.answers import AnswerFile, Reconstruction, Samples, TokenIds, Values
from codec_bench.verification.checks import results_of

from .small_models import CODECS, ENCODEC_48K, ONE_OF_EACH, build

pytestmark = pytest.mark.long

DEMO = Path(codec_bench.__file__).parent / "datasets/demo/audio/rms-01.flac"


@dataclass
class Built:
    """A small model, the mirror with its files, and the adapter that loaded them."""

    model: Any
    mirror: Path
    codec: TransformersCodec


def opened(name: str, mirror: Path) -> TransformersCodec:
    codec = CODECS[name]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_MIRROR", str(mirror))
        codec.load()
    return codec


@pytest.fixture(scope="module", params=list(ONE_OF_EACH))
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    mirror = tmp_path_factory.mktemp("mirror")
    model = build(request.param, mirror)
    codec = opened(request.param, mirror)
    yield Built(model, mirror, codec)
    codec.close()


@pytest.fixture(scope="module")
def speech() -> Audio:
    return Audio(read_audio(DEMO).samples[4800:10_001], 16_000)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Models this small run fastest on one, whatever else the machine does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tokens_of(codec: TransformersCodec, audio: Audio, codebooks: int | None = None) -> Tokens:
    code = codec.encode(audio)
    assert isinstance(code, Tokens)
    return code.prefix(codebooks)


def filled(samples: FloatArray, multiple: int) -> torch.Tensor:
    """A batch of one, with zeros up to a multiple of so many samples."""
    return torch.nn.functional.pad(torch.from_numpy(samples), (0, -len(samples) % multiple))[None, None]


# How the documentation of transformers calls each model at so many codebooks: codes [1, codebooks, frames], and audio.


def direct(name: str, model: Any, samples: FloatArray, count: int) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: PLR0911 - one of each
    with torch.inference_mode():
        if name == "mimi":
            codes = model.encode(filled(samples, 1), num_quantizers=count).audio_codes
            return codes, model.decode(codes).audio_values[0, 0]
        if name.startswith("dac"):
            codes = model.encode(filled(samples, model.config.hop_length), n_quantizers=count).audio_codes
            return codes, model.decode(audio_codes=codes).audio_values[0]
        if name == "encodec-24khz":
            encoded = model.encode(filled(samples, 1), bandwidth=0.75 * count)
            decoded = model.decode(encoded.audio_codes, encoded.audio_scales)
            return encoded.audio_codes[0], decoded.audio_values[0, 0]
        if name == "encodec-48khz":
            return by_its_package(model, samples, 1.5 * count)
        if name.startswith(("xcodec-", "higgs")) or name == "xcodec":
            kbps = count * model.config.frame_rate * 10 / 1000
            codes = model.encode(filled(samples, model.config.hop_length), bandwidth=kbps).audio_codes
            return codes, model.decode(codes).audio_values[0, 0]
        if name.startswith("wavtokenizer"):
            output = model(filled(samples, 1))
            return output.audio_codes, output.audio_values[0, 0]
        import transformers

        extractor = {"xcodec2": transformers.Xcodec2FeatureExtractor, "neucodec": transformers.NeuCodecFeatureExtractor}
        output = model(**extractor[name]()(samples, sampling_rate=16_000, return_tensors="pt"))
        return output.audio_codes, output.audio_values[0, 0]


def by_its_package(model: Any, samples: FloatArray, kbps: float) -> tuple[torch.Tensor, torch.Tensor]:
    """EnCodec's own package in the size of a model of transformers, with its weights."""
    package = pytest.importorskip("encodec")
    size = {"channels": 2, "dimension": 16, "n_filters": 4, "norm": "time_group_norm", "causal": False}
    reference = package.model.EncodecModel(
        package.modules.SEANetEncoder(**size),
        package.modules.SEANetDecoder(**size),
        package.quantization.ResidualVectorQuantizer(dimension=16, n_q=16, bins=1024),
        [3.0, 6.0, 12.0, 24.0],
        48_000,
        2,
        normalize=True,
        segment=1.0,
    )

    def renamed(name: str) -> str:
        name = re.sub(r"\b(conv|convtr)\.(conv\b|convtr\b|norm)", r"\2", name.replace(".model.", ".layers."))
        return name.replace("convtr", "conv").replace("vq.layers", "layers").replace("_codebook", "codebook")

    state = model.state_dict()
    reference.load_state_dict({name: state[renamed(name)] for name in reference.state_dict()})
    reference.eval().set_target_bandwidth(kbps)
    frames = reference.encode(torch.from_numpy(samples).expand(1, 2, -1))
    return torch.cat([codes for codes, _ in frames], -1), reference.decode(frames)[0].mean(0)


@pytest.mark.parametrize("samples", [47_520, 47_620, 47_900, 96_000])
def test_pieces_of_encodec_48k_are_those_of_its_package(tmp_path: Path, speech: Audio, samples: int) -> None:
    """Also where the last piece lies in the one before it, which is a frame short then."""
    model = build("encodec-48khz", tmp_path)
    codec = opened("encodec-48khz", tmp_path)
    given = np.resize(resample(speech, 48_000).samples, samples)
    codes, audio = direct(codec.name, model, given, 4)
    code = tokens_of(codec, Audio(given, 48_000), 4)
    assert np.array_equal(np.stack([stream.codes for stream in code.streams]), codes[0].numpy())
    assert code.side_bits == 32 * -(-samples // 47_520)
    assert code.bits == 4 * 10 * codes.shape[-1] + code.side_bits
    np.testing.assert_allclose(
        codec.decode(code).samples, audio[:samples].numpy(), atol=1e-5 * float(audio.abs().max())
    )


def test_codes_and_audio_are_those_of_the_model_at_every_bitrate(built: Built, speech: Audio) -> None:
    codec = built.codec
    spec = codec.spec
    samples = resample(speech, spec.input_rate).samples
    assert len(samples) % spec.codebooks[0].hop
    code = codec.encode(Audio(samples, spec.input_rate))
    assert isinstance(code, Tokens)
    for count in codec.prefixes:
        codes, audio = direct(codec.name, built.model, samples, count)
        ours = np.stack([stream.codes for stream in code.prefix(count).streams])
        assert np.array_equal(ours, codes[0].numpy())
        assert len(np.unique(ours)) > 5  # else equal codes would say nothing
        decoded = codec.decode(code, count).samples
        assert len(decoded) == length_at(len(samples), spec.input_rate, spec.output_rate)
        assert not decoded[: -spec.delay].any()
        decoded = decoded[-spec.delay :]
        shared = min(len(decoded), len(audio))
        assert len(decoded) - shared <= spec.codebooks[0].hop * spec.output_rate / spec.input_rate
        np.testing.assert_allclose(decoded[:shared], audio[:shared].numpy(), atol=1e-5 * float(audio.abs().max()))


def test_dac_is_early_by_the_samples_that_its_odd_strides_lose(built: Built) -> None:
    if not built.codec.name.startswith("dac"):
        pytest.skip("of DAC alone")
    frames, spec = 10, built.codec.spec
    with torch.inference_mode():
        audio = built.model.decode(audio_codes=torch.zeros(1, 1, frames, dtype=torch.long)).audio_values[0]
    assert frames * spec.codebooks[0].hop - len(audio) == -spec.delay


def test_any_other_number_of_codebooks_is_decoded_too(built: Built, speech: Audio) -> None:
    codec = built.codec
    count = len(codec.spec.codebooks)
    if count == 1:
        pytest.skip("there is one codebook")
    code = codec.encode(speech)
    fewer, more = (codec.decode(code, k).samples for k in (count - 1, count))
    assert not np.array_equal(fewer, more)
    with pytest.raises(UsageError, match=f"1 to {count}"):
        type(codec)(codebooks=count + 1)


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 961])
def test_short_recordings_are_coded(built: Built, samples: int) -> None:
    rate = built.codec.spec.input_rate
    audio = Audio(np.full(samples, 0.1, np.float32), rate)
    tokens = tokens_of(built.codec, audio)
    assert all(len(stream.codes) >= 1 for stream in tokens.streams)
    decoded = built.codec.decode(tokens)
    assert len(decoded) == length_at(samples, rate, decoded.rate)
    assert np.isfinite(decoded.samples).all()


@pytest.mark.slow
def test_a_minute_is_coded(built: Built) -> None:
    rate = built.codec.spec.input_rate
    audio = Audio(np.random.default_rng(0).normal(0, 0.1, 60 * rate).astype(np.float32), rate)
    tokens = tokens_of(built.codec, audio)
    assert 60 <= tokens.seconds <= 60 + 2 / (built.codec.spec.frame_rate or 1)
    assert len(built.codec.decode(tokens)) == 60 * built.codec.spec.output_rate


def test_a_batch_gives_what_single_recordings_give(built: Built, speech: Audio) -> None:
    codec = built.codec
    cut = [Audio(speech.samples[begin : begin + n], 16_000) for begin, n in ((0, 4000), (100, 2500), (3000, 4000))]
    single = [codec.encode(audio) for audio in cut]
    together = codec.encode_batch(cut)
    for one, other in zip(single, together, strict=True):
        left, right = one.to_arrays(), other.to_arrays()
        assert left.keys() == right.keys()
        assert all(np.array_equal(left[key], right[key]) for key in left)
    count = codec.prefixes[0]
    for code, audio in zip(single, codec.decode_batch(single, count), strict=True):
        alone = codec.decode(code, count)
        np.testing.assert_allclose(audio.samples, alone.samples, atol=1e-5 * max(1.0, alone.peak))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_that_of_autocast(built: Built, speech: Audio, precision: str) -> None:
    """At one setting, since half precision is a row of its own and shares what surrounds the model."""
    if not built.codec.takes_precision:
        with pytest.raises(UsageError, match="does not compute in"):
            type(built.codec)().use_precision(precision)
        return
    codec = CODECS[built.codec.name]()
    codec.use_precision(precision)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_MIRROR", str(built.mirror))
        codec.load()
        assert codec.fingerprint != built.codec.fingerprint
    spec = codec.spec
    samples = resample(speech, spec.input_rate).samples
    count = codec.prefixes[0]
    with torch.autocast("cpu", dtype=getattr(torch, PRECISIONS[precision])):
        codes, audio = direct(codec.name, built.model, samples, count)
    code = codec.encode(Audio(samples, spec.input_rate))
    assert isinstance(code, Tokens)
    assert np.array_equal(np.stack([stream.codes for stream in code.prefix(count).streams]), codes[0].numpy())
    decoded = codec.decode(code, count).samples[-spec.delay :]
    shared = min(len(decoded), len(audio))
    near = 1e-2 if codec.name == "encodec-48khz" else 1e-5  # another package's order of operations, in few bits
    np.testing.assert_allclose(decoded[:shared], audio[:shared].float().numpy(), atol=near * float(audio.abs().max()))
    assert all(np.isfinite(value).all() for value in codec.latents(code.prefix(count)).values())


def test_latents_are_what_the_decoder_takes(built: Built, speech: Audio) -> None:
    codec, model = built.codec, built.model
    count = max(codec.prefixes[0], min(3, len(codec.spec.codebooks)))
    tokens = tokens_of(codec, speech, count)
    codes = torch.from_numpy(np.stack([stream.codes for stream in tokens.streams]))[None]
    quantizer = getattr(model, "encoder_model", model).quantizer
    with torch.inference_mode():
        if codec.name.startswith("dac"):
            expected = quantizer.from_codes(codes)[0]
        elif codec.name == "mimi":
            expected = quantizer.decode(codes)
        elif codec.name in ("xcodec2", "neucodec"):
            expected = quantizer.from_codes(codes.transpose(1, 2)).transpose(1, 2)
        elif codec.name.startswith("wavtokenizer"):
            expected = quantizer.decode(codes[0])
        else:
            expected = quantizer.decode(codes.transpose(0, 1))
    latents = codec.latents(tokens)
    assert list(latents) == [*(f"codebook_{i}" for i in range(count)), "quantized"]
    assert all(value.dtype == np.float32 for value in latents.values())
    np.testing.assert_allclose(latents["quantized"], expected[0].T.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", list(ONE_OF_EACH))
def test_parameters_are_those_of_the_published_size(name: str) -> None:
    import transformers

    cls = CODECS[name]
    published: dict[str, Any] = {}
    if name.startswith("dac"):
        ratios = [2, 4, 8, 8] if name == "dac-44khz" else [2, 4, 5, 8]
        published = {"downsampling_ratios": ratios, "n_codebooks": len(cls.spec.codebooks)}
    elif name == "encodec-48khz":
        published = ENCODEC_48K
    elif name == "higgs-audio-v2":
        ratios = [8, 5, 4, 2, 3]
        acoustic = {"downsampling_ratios": ratios, "upsampling_ratios": ratios, "model_type": "dac"}
        published = {"target_bandwidths": [0.5, 1, 1.5, 2], "acoustic_model_config": acoustic}
    elif "wavlm" in name:
        published = {"semantic_model_config": {"model_type": "wavlm"}}
    elif name == "wavtokenizer-small-75":
        published = {"upsampling_ratios": [8, 5, 4, 2]}
    model_class = getattr(transformers, cls.model_class)
    with torch.device("meta"):
        model = model_class(model_class.config_class(**published))
    assert sum(parameter.numel() for parameter in model.parameters()) == cls.spec.parameters


# --- loading ---------------------------------------------------------------------------------------------------------


def test_loading_asks_nothing_of_the_network_and_says_nothing(
    built: Built, speech: Audio, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError(f"the network was used: {arguments}")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    codec = opened(built.codec.name, built.mirror)
    assert capfd.readouterr() == ("", "")
    assert len(codec.decode(codec.encode(speech))) > 0


def test_a_checkpoint_replaces_the_weights(tmp_path: Path, speech: Audio, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("encodec-24khz", tmp_path / "published")
    with torch.no_grad():
        model.decoder.layers[0].conv.bias.add_(1.0)
    model.save_pretrained(tmp_path / "tuned")
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path / "published"))
    codecs = [CODECS["encodec-24khz"]() for _ in range(3)]
    codecs[1].use_checkpoint(tmp_path / "tuned/model.safetensors")
    codecs[2].use_checkpoint(tmp_path / "tuned")
    for codec in codecs:
        codec.load()
    plain, from_file, from_folder = (codec.decode(codec.encode(speech)).samples for codec in codecs)
    assert not np.allclose(plain, from_file)
    assert np.array_equal(from_file, from_folder)


@pytest.mark.long
@pytest.mark.slow
def test_a_wrong_checkpoint_ends_a_run_before_its_first_utterance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build("encodec-24khz", tmp_path / "published")
    build("mimi", tmp_path / "other")
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path / "published"))
    (tmp_path / "text.safetensors").write_bytes(b"no weights")
    (other,) = (tmp_path / "other").rglob("*.safetensors")
    for wrong in (tmp_path / "text.safetensors", other):
        with pytest.raises(UsageError, match=f"--checkpoint {wrong} does not fit encodec-24khz"):
            codec_bench.run(
                "encodec-24khz", "demo", limit=1, metrics=["si_sdr"], checkpoint=wrong, out=tmp_path / "out",
                report=False, jobs=1,
            )  # fmt: skip
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["mimi", "dac-16khz", "higgs-audio-v2", "xcodec2"])
def test_a_configuration_of_another_model_is_refused(name: str, tmp_path: Path) -> None:
    build(name, tmp_path)
    attribute, value = {
        "mimi": ("num_quantizers", 8),
        "dac-16khz": ("sampling_rate", 24_000),
        "higgs-audio-v2": ("target_bandwidths", [0.5, 1, 1.5, 2, 4]),
        "xcodec2": ("sampling_rate", 8000),
    }[name]
    file = (tmp_path / CODECS[name].spec.weights[0].path).parent / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps(config | {attribute: value}))
    with pytest.raises(UnavailableError, match=f"config.json is not that of {name}: .* is .*, not"):
        opened(name, tmp_path)


@pytest.mark.parametrize("name", ["encodec-24khz", "xcodec"])
def test_files_with_the_older_names_of_normalised_weights_are_read(name: str, tmp_path: Path, speech: Audio) -> None:
    from safetensors.torch import load_file, save_file

    build(name, tmp_path)
    before = opened(name, tmp_path)
    file = tmp_path / CODECS[name].spec.weights[1].path
    older = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    tensors = load_file(file)
    for new, old in older.items():
        tensors = {key.replace(new, old): tensor for key, tensor in tensors.items()}
    assert any(key.endswith("weight_g") for key in tensors)
    save_file(tensors, file, {"format": "pt"})
    after = opened(name, tmp_path)
    assert np.array_equal(after.decode(after.encode(speech)).samples, before.decode(before.encode(speech)).samples)


def test_missing_tensors_are_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    build("encodec-24khz", tmp_path)
    file = tmp_path / "hf/facebook/encodec_24khz/model.safetensors"
    tensors = load_file(file)
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("decoder.layers.0.")}
    assert len(kept) < len(tensors)
    save_file(kept, file, {"format": "pt"})
    with pytest.raises(UnavailableError, match=r"lacks \d+ tensors, e.g. decoder\.layers\.0"):
        opened("encodec-24khz", tmp_path)


@pytest.mark.parametrize("damaged", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"model_type": "encodec", "hidden_size": "wide"}', b"\0" * 99])
def test_a_damaged_file_is_one_line(damaged: str, content: bytes, tmp_path: Path) -> None:
    build("encodec-24khz", tmp_path)
    (tmp_path / "hf/facebook/encodec_24khz" / damaged).write_bytes(content)
    with pytest.raises(UnavailableError, match="encodec-24khz") as caught:
        opened("encodec-24khz", tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    build("dac-16khz", tmp_path)
    build("dac-24khz", tmp_path)
    wrong = tmp_path / "hf/descript/dac_24khz/model.safetensors"
    file = tmp_path / "hf/descript/dac_24khz/config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps(config | {"encoder_hidden_size": 8, "hidden_size": 128}))
    assert wrong.is_file()
    with pytest.raises(UnavailableError, match="dac-24khz") as caught:
        opened("dac-24khz", tmp_path)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    assert "hf/kyutai/mimi/config.json" in (CODECS["mimi"].unavailable() or "")
    with pytest.raises(UnavailableError, match=r"hf/kyutai/mimi/config\.json"):
        CODECS["mimi"]().load()


def test_a_codec_that_is_not_loaded_says_so(speech: Audio) -> None:
    fresh = CODECS["xcodec2"]()
    tokens = fresh.tokens(np.zeros((1, 9), np.int64))
    for use in (
        lambda: fresh.encode_batch([speech]),
        lambda: fresh.decode_batch([tokens]),
        lambda: fresh.latents(tokens),
    ):
        with pytest.raises(CodecError, match="not loaded"):
            use()


def test_settings_are_numbers_of_codebooks() -> None:
    for cls in CODECS.values():
        with pytest.raises(UsageError, match=f"{cls.name} has no setting '6000'; it takes a number of codebooks"):
            cls("6000")


@pytest.mark.parametrize("absent", ["transformers", "torchaudio"])
def test_missing_packages_are_named_with_the_command(absent: str) -> None:
    script = f"""
import sys
sys.modules[{absent!r}] = None  # what the import system does for a package that may not be imported
from importlib import util
found = util.find_spec
util.find_spec = lambda name, package=None: None if name == {absent!r} else found(name, package)
from codec_bench.adapters.transformers import codecs
for cls in (codecs.Mimi, codecs.HiggsAudioV2, codecs.NeuCodec):
    print(cls.unsupported())
print([name for name in ("torch", "transformers") if sys.modules.get(name)])
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    mimi, higgs, neucodec, imported = run.stdout.splitlines()
    assert imported == "[]"
    assert (mimi == "None") == (absent == "torchaudio")
    for reason in (higgs, neucodec):
        assert reason.startswith(f"{absent} is not installed")
        assert "pip install 'codec-bench[transformers]'" in reason


# --- known answers ---------------------------------------------------------------------------------------------------


def test_answers_by_direct_calls_hold_and_fail_where_anything_is_damaged(
    built: Built, speech: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scaled and swapped tensors, a wrong rate, transposed codebooks: each must be noticed."""
    codec, rate = built.codec, built.codec.spec.input_rate
    samples = resample(speech, rate).samples
    count = codec.prefixes[-1]
    codes, audio = direct(codec.name, built.model, samples, count)
    length = length_at(len(samples), rate, codec.spec.output_rate)
    original = resample(Audio(samples, rate), codec.spec.output_rate).samples
    audio = torch.nn.functional.pad(audio, (0, max(0, length - len(audio))))[:length]
    compared = length - max(0, -codec.spec.delay)  # what a decoder is early by is missing at the end
    a, b = (torch.nn.functional.normalize(torch.as_tensor(x[:compared]), dim=0) for x in (original, audio))
    said = {"input": "speech", "source": "direct calls", "reveals": "anything"}
    peak = float(audio.abs().max())
    checks = [
        TokenIds(kind="tokens", books=dict(enumerate(codes[0].tolist())), least=1, **said),
        Reconstruction(
            kind="rmse", rmse={count: float(torch.nn.functional.mse_loss(a, b).sqrt())}, tolerance=1e-6, **said
        ),
        Samples(kind="samples", start=2000, values=audio[2000:2200].tolist(), tolerance=1e-5 * peak, **said),
    ]

    def outcomes(at: int = rate) -> list[Outcome]:
        given = Values(what="speech", values=tuple(map(float, samples)), rate=at)
        file = AnswerFile(inputs={"speech": given}, answers={codec.name: Answers(checks=tuple(checks))})
        return [result.outcome for result in results_of("codec", codec, file, checks, {})]

    assert set(outcomes()) == {Outcome.PASSED}
    assert Outcome.PASSED not in outcomes(rate * 5 // 4)
    # Of the encoder 1 % more may leave all tokens as they are; of a norm of weights, the direction has no length.
    decoder = [
        tensor.data
        for name, tensor in codec._model.named_parameters()
        if any(part in name for part in ("decoder", "backbone", "head"))
        and "semantic" not in name
        and tensor.ndim > 1
        and name.endswith(("weight", "original0"))
    ]
    for tensor in (decoder[0], decoder[-1]):
        kept = tensor.clone()
        tensor.mul_(1.01)
        assert Outcome.FAILED in outcomes()
        tensor.copy_(kept)
    pairs = [(a, b) for a, b in itertools.combinations(decoder, 2) if a.shape == b.shape and not torch.equal(a, b)]
    for one, other in pairs[:1]:  # of the stereo EnCodec no two have one shape
        kept = one.clone(), other.clone()
        one.copy_(kept[1])
        other.copy_(kept[0])
        assert Outcome.FAILED in outcomes()
        one.copy_(kept[0])
        other.copy_(kept[1])
    assert set(outcomes()) == {Outcome.PASSED}
    original_codes = codec._codes
    monkeypatch.setattr(codec, "_codes", lambda samples: [book[::-1] for book in original_codes(samples)][::-1])
    assert Outcome.PASSED not in outcomes()
