"""S3Tokenizer: the supervised semantic tokens of the CosyVoice models, which have no decoder of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from codec_bench.adapters.neural import neural
from codec_bench.adapters.packages import PackageCodec, check_config, importing, load_state
from codec_bench.adapters.replaceable import file_name
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.errors import CodecError, UnavailableError, UsageError
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Codebook, IntArray

RATE = 16_000

HEAD_DIMENSION = 64
"""Dimensions of an attention head at every published size: the rotary embeddings of versions 2 and 3 assume it."""

MEL_WINDOW = 400
"""Samples of the window of the mel spectrogram, half of which is reflected at the ends."""


WINDOWS_LOSE = 10
"""Seconds: recordings of over 30 s are coded in windows that overlap, and at 25 Hz the package drops tokens there."""


def _spec(title: str, codebook: Codebook, parameters: int, file: str, source: str, sha256: str, size: int) -> CodecSpec:
    """A tokenizer by the name of its file in the cache of the package, with the digest that the package states."""
    source = f"https://www.modelscope.cn/models/{source}"
    return neural(
        title=title,
        group=Group.SEMANTIC,
        input_rate=RATE,
        output_rate=RATE,
        codebooks=(codebook,),
        semantic_codebooks=(0,),
        parameters=parameters,
        licence="Apache-2.0",
        source="https://github.com/xingchensong/S3Tokenizer",
        weights=(RemoteFile(f"models/s3tokenizer/{file}", sha256=sha256, size=size, source=source),),
        decodes=False,
        min_samples=MEL_WINDOW // 2 + 1,
        padding=WINDOWS_LOSE * RATE,
    )


class S3TokenizerV1(PackageCodec):
    """S3Tokenizer of CosyVoice: 50 tokens/s, 600 bit/s.

    A token spans two frames of a mel spectrogram at 100 Hz that has one for each full 10 ms, so up to 10 ms at the end
    have no token. Recordings of more than 30 s are coded as the package does it: in windows of 30 s that overlap by
    4 s, of which it drops 2 s on either side. Where the last window has less than 4 s, it drops the tokens of up to
    2 s near the end of the recording with them, and the tokens are fewer than the recording's length asks for.

    Source:
        Du et al., "CosyVoice: A Scalable Multilingual Zero-shot Text-to-speech Synthesizer based on Supervised
        Semantic Tokens", 2024; https://github.com/xingchensong/S3Tokenizer
    """

    name: ClassVar[str] = "s3tokenizer-v1-50hz"
    packages: ClassVar[tuple[str, ...]] = ("torch", "s3tokenizer", "onnx")
    modules: ClassVar[tuple[str, ...]] = ("s3tokenizer", "onnx", "einops", "tqdm", "torchaudio")
    extra: ClassVar[str] = "s3tokenizer"

    spec = _spec(
        "S3Tokenizer v1 (50 Hz)",
        Codebook(4096, 320),
        123_466_240,
        "speech_tokenizer_v1.onnx",
        "iic/cosyvoice-300m/resolve/master/speech_tokenizer_v1.onnx",
        "23b5a723ed9143aebfd9ffda14ac4c21231f31c35ef837b6a13bb9e5488abb1e",
        522_624_269,
    )
    layers: ClassVar[int] = 6

    @property
    def _file(self) -> str:
        """Name of the published file, which is the package's name of the model and an ending."""
        return file_name(self.spec.weights[0].path)

    def _load(self, folder: Path) -> Any:
        state = self._state(folder / self._file)
        try:
            width, mels, _ = state["encoder.conv1.weight"].shape
            sizes = {"n_mels": mels, "n_audio_state": width, "n_audio_head": width // HEAD_DIMENSION}
            layers = {name.split(".")[2] for name in state if name.startswith("encoder.blocks.")}
            check_config(self._file, {"number of layers": len(layers)}, {"number of layers": self.layers})
            model = self._model_of(sizes | {"n_audio_layer": self.layers}, state)
        except (KeyError, ValueError) as error:
            raise UnavailableError(f"{self._file} is not {self.spec.title}: {error} is missing") from error
        load_state(model, state, self._file)
        return model.eval()

    def _state(self, path: Path) -> dict[str, Any]:
        """The tensors of an ONNX file, by their names in the package's model."""
        with importing("s3tokenizer"):
            from google.protobuf.message import DecodeError
            from s3tokenizer import utils

        try:
            return dict((utils.onnx2torch_v3 if "v3" in self._file else utils.onnx2torch)(str(path)))
        except (DecodeError, AssertionError, AttributeError, KeyError, IndexError) as error:
            raise UnavailableError(f"{path.name} is not {self.spec.title}: {error or type(error).__name__}") from error

    def _model_of(self, sizes: dict[str, int], state: dict[str, Any]) -> Any:
        """The package's model with the sizes of the tensors; the published ones have its standard sizes."""
        from s3tokenizer.model import ModelConfig, S3Tokenizer

        codebook, positions = state["quantizer._codebook.embed"], state["encoder.positional_embedding"]
        check_config(self._file, {"codebook size": len(codebook)}, {"codebook size": self.spec.codebooks[0].size})
        config = ModelConfig(**sizes, n_audio_ctx=len(positions), n_codebook_size=self.spec.codebooks[0].size)
        return S3Tokenizer(Path(self._file).stem, config)

    def _codes(self, samples: Any) -> list[IntArray]:
        from s3tokenizer.utils import log_mel_spectrogram, padding

        mels, lengths = padding([log_mel_spectrogram(samples, self._model.config.n_mels)])
        codes, lengths = self._model.quantize(mels.to(self._device), lengths.to(self._device))
        return [codes[0, : int(lengths[0])].cpu().numpy()]

    def _samples(self, codes: list[Any]) -> Any:
        raise CodecError(f"{self.name} has no decoder")

    def _quantized(self, codes: list[Any]) -> Any:
        return self._model.quantizer.decode(codes[0][None])[0].T


class S3TokenizerV1At25Hz(S3TokenizerV1):
    """S3Tokenizer of CosyVoice with half the rate: 25 tokens/s, 300 bit/s."""

    name: ClassVar[str] = "s3tokenizer-v1-25hz"
    spec = _spec(
        "S3Tokenizer v1 (25 Hz)",
        Codebook(4096, 640),
        123_466_240,
        "speech_tokenizer_v1_25hz.onnx",
        "iic/CosyVoice-300M-25Hz/resolve/master/speech_tokenizer_v1.onnx",
        "56285ddd4a83e883ee0cb9f8d69c1089b53a94b1f78ff7e4a0224a27eb4cb486",
        522_625_011,
    )


class S3TokenizerV2(S3TokenizerV1):
    """S3Tokenizer of CosyVoice 2: 25 tokens/s, finite scalar quantization to 3^8 values, 317 bit/s.

    Source:
        Du et al., "CosyVoice 2: Scalable Streaming Speech Synthesis with Large Language Models", 2024;
        https://github.com/xingchensong/S3Tokenizer
    """

    name: ClassVar[str] = "s3tokenizer-v2-25hz"
    spec = _spec(
        "S3Tokenizer v2 (25 Hz)",
        Codebook(3**8, 640),
        123_714_568,
        "speech_tokenizer_v2_25hz.onnx",
        "iic/CosyVoice2-0.5B/resolve/master/speech_tokenizer_v2.onnx",
        "d43342aa12163a80bf07bffb94c9de2e120a8df2f9917cd2f642e7f4219c6f71",
        496_082_973,
    )

    def _model_of(self, sizes: dict[str, int], state: dict[str, Any]) -> Any:
        from s3tokenizer.model_v2 import ModelConfig
        from s3tokenizer.model_v2 import S3TokenizerV2 as Model

        return Model(Path(self._file).stem, ModelConfig(**sizes))

    def _quantized(self, codes: list[Any]) -> Any:
        raise UsageError(f"{self.name} offers no latents: its values are not published with a projection back")


class S3TokenizerV3(S3TokenizerV2):
    """S3Tokenizer of CosyVoice 3: version 2 with 12 layers in place of 6."""

    name: ClassVar[str] = "s3tokenizer-v3-25hz"
    spec = _spec(
        "S3Tokenizer v3 (25 Hz)",
        Codebook(3**8, 640),
        242_009_608,
        "speech_tokenizer_v3_25hz.onnx",
        "FunAudioLLM/Fun-CosyVoice3-0.5B-2512/resolve/master/speech_tokenizer_v3.onnx",
        "23236a74175dbdda47afc66dbadd5bcb41303c467a57c261cb8539ad9db9208d",
        969_451_503,
    )
    layers: ClassVar[int] = 12

    def _model_of(self, sizes: dict[str, int], state: dict[str, Any]) -> Any:
        from s3tokenizer.model_v3 import ModelConfigV3
        from s3tokenizer.model_v3 import S3TokenizerV3 as Model

        return Model(Path(self._file).stem, ModelConfigV3(**sizes))
