"""Continuous tokenizers of transformers: nothing is quantised, so they have no bitrate, and a group of their own.

What they make of a recording is kept as side information that costs nothing, so that reconstruction, speed and probes
(`--input latents`) take them as they take codecs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.adapters.torch_codec import as_samples
from codec_bench.adapters.transformers.codec import CONFIG_FILE, WEIGHTS_FILE, TransformersCodec
from codec_bench.audio import FloatArray, fit
from codec_bench.errors import CodecError
from codec_bench.hub import hugging_face
from codec_bench.tokens import Code, Tokens


class ContinuousTokenizer(TransformersCodec):
    """A tokenizer that sends vectors of floats.

    Class attributes:
        latent_options: Arguments of the model's `encode`.
        output: Name of the audio in what its `decode` returns.
    """

    takes_precision: ClassVar[bool] = False
    whole_frames: ClassVar[bool] = True
    latent_options: ClassVar[Mapping[str, Any]] = {}
    output: ClassVar[str] = "audio_values"

    def _filled(self, samples: FloatArray) -> FloatArray:
        hop = self.spec.hop or 1
        return fit(samples, -(-len(samples) // hop) * hop)

    def _encode(self, samples: FloatArray) -> Tokens:
        with self._inference():
            given = self._tensor(self._filled(samples))[None, None]
            found = self._model.encode(given, **self.latent_options).latents[0]
        return Tokens((), side={"latents": as_samples(found)})

    def _decode(self, code: Code) -> FloatArray:
        latents = self._tensor(self._sent(code, "latents"))
        with self._inference():
            decoded = getattr(self._model.decode(latents[None]), self.output)
        return as_samples(decoded.flatten())

    def _encode_batch(self, batch: Sequence[FloatArray]) -> list[Code]:
        return [self._encode(samples) for samples in batch]

    def _decode_batch(self, batch: Sequence[Code]) -> list[FloatArray]:
        return [self._decode(code) for code in batch]

    def latents(self, tokens: Tokens) -> Mapping[str, NDArray[np.float32]]:
        """The vectors, float32 `[frames, dimension]`, as `latents`."""
        return {"latents": self._sent(tokens, "latents")}

    def _sent(self, code: Code, name: str) -> FloatArray:
        if not isinstance(code, Tokens) or name not in code.side:
            raise CodecError(f"{self.name} decodes what it has encoded: there is no {name!r}")
        return np.asarray(code.side[name], np.float32)


class PocketTts(ContinuousTokenizer):
    """The tokenizer of Pocket TTS (Kyutai, 2026), 24 kHz: Mimi with 32 numbers at 12.5 Hz where its codebooks were.

    Its makers' files are behind a form; these are converted from them.

    Source:
        https://github.com/kyutai-labs/pocket-tts
    """

    name: ClassVar[str] = "pocket-tts-vae"
    model_class: ClassVar[str] = "PocketTTSAudioTokenizerModel"
    published: ClassVar[Mapping[str, Any]] = {
        "sampling_rate": 24_000,
        "upsampling_ratios": [6, 5, 4],
        "latent_stride": 16,
        "latent_dim": 32,
    }
    spec = CodecSpec(
        title="Pocket TTS's Mimi VAE (continuous)",
        group=Group.CONTINUOUS,
        input_rate=24_000,
        output_rate=24_000,
        hop=1920,
        causal=True,
        streaming=True,
        licence="MIT",
        weights_licence="CC-BY-4.0, behind a form",
        source="https://github.com/kyutai-labs/pocket-tts",
        weights=hugging_face("eustlb/pocket-tts-audio-tokenizer", CONFIG_FILE, WEIGHTS_FILE),
    )


class VibeVoice(ContinuousTokenizer):
    """The acoustic tokenizer of VibeVoice (Microsoft, 2025), 24 kHz: 64 numbers at 7.5 Hz.

    Its noise, which is for training, is left out. As upstream has it, a recording is brought to -25 dB before it is
    encoded, and lower where it would exceed full scale; the gain is kept beside the vectors and undone.

    Source:
        https://arxiv.org/abs/2508.19205, https://github.com/microsoft/VibeVoice
    """

    name: ClassVar[str] = "vibevoice-acoustic"
    model_class: ClassVar[str] = "VibeVoiceAcousticTokenizerModel"
    latent_options: ClassVar[Mapping[str, Any]] = {"sample": False}
    output: ClassVar[str] = "audio"
    published: ClassVar[Mapping[str, Any]] = {
        "channels": 1,
        "hidden_size": 64,
        "downsampling_ratios": [2, 2, 4, 5, 5, 8],
    }
    spec = CodecSpec(
        title="VibeVoice's acoustic tokenizer (continuous)",
        group=Group.CONTINUOUS,
        input_rate=24_000,
        output_rate=24_000,
        hop=3200,
        causal=True,
        streaming=True,
        licence="MIT",
        weights_licence="MIT",
        source="https://github.com/microsoft/VibeVoice",
        weights=hugging_face("bezzam/VibeVoice-AcousticTokenizer", CONFIG_FILE, WEIGHTS_FILE),
    )

    def _encode(self, samples: FloatArray) -> Tokens:
        # The level is that of the recording, without the zeros that fill its last frame.
        level = float(np.sqrt(np.mean(np.square(samples))))
        gain = 10 ** (-25 / 20) / (level + 1e-6)
        peak = float(np.abs(samples).max()) * gain
        applied = np.float32(gain / (peak + 1e-6) if peak > 1 else gain)
        code = super()._encode(samples * applied)
        return Tokens((), side={**code.side, "gain": np.array([applied])})

    def _decode(self, code: Code) -> FloatArray:
        return super()._decode(code) / self._sent(code, "gain")
