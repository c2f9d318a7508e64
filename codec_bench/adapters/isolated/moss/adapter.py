"""MOSS-Audio-Tokenizer, all three, in an environment of their own: what they are and need; a `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile, hugging_face
from codec_bench.tokens import Codebook


class MossAudioTokenizer(IsolatedCodec):
    """MOSS-Audio-Tokenizer (OpenMOSS, 2026), 24 kHz, 1.6 billion parameters: 32 codebooks at 12.5 Hz, 4 kbit/s.

    Recordings are filled up to whole frames, because upstream codes what lies in the last one as silence where it is
    not full. They are coded one by one in float32: in bfloat16 upstream's codes depend on the batch. Its classes come
    from the source at a commit, and nothing that lies beside the weights is run.

    Source:
        https://github.com/OpenMOSS/MOSS-Audio-Tokenizer
    """

    name = "moss-audio-tokenizer"
    prefixes: ClassVar[tuple[int, ...]] = (1, 4, 6, 8, 12, 16, 24, 32)
    environment = Environment(
        "moss-audio-tokenizer",
        requirements=("transformers>=5.23,<6",),
        sources=(
            Source(
                "OpenMOSS/MOSS-Audio-Tokenizer",
                "56df9eeb88f7236419dbf6328cd2e51f4dc21eeb",
                paths=("configuration_moss_audio_tokenizer.py", "modeling_moss_audio_tokenizer.py"),
                tree="696ff2fb0fa47d2c0228b9ae3ff62882fed32ed9dd6dbfd4943fb753f31c5c88",
            ),
        ),
        inherits=True,
        borrowed=("safetensors>=0.4",),
        size=175_000_000,
    )
    worker = Path(__file__).with_name("worker.py")
    packages = ("torch", "transformers")
    call_timeout = 3600.0

    spec = CodecSpec(
        title="MOSS-Audio-Tokenizer",
        group=Group.ACOUSTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(1024, hop=1920),) * 32,
        parameters=1_600_000_000,  # as its makers round it
        causal=True,
        streaming=True,
        licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/OpenMOSS/MOSS-Audio-Tokenizer",
        weights=hugging_face(
            "OpenMOSS-Team/MOSS-Audio-Tokenizer",
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
        ),
    )


def _stereo(title: str, repository: str, count: int, parameters: int, weights: tuple[RemoteFile, ...]) -> CodecSpec:
    return CodecSpec(
        title=f"MOSS-Audio-Tokenizer {title}",
        group=Group.ACOUSTIC,
        input_rate=48_000,
        output_rate=48_000,
        codebooks=(Codebook(1024, hop=3840),) * count,
        parameters=parameters,
        causal=True,
        streaming=True,
        licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source=f"https://huggingface.co/OpenMOSS-Team/{repository}",
        weights=weights,
    )


class MossAudioTokenizerNano(MossAudioTokenizer):
    """MOSS-Audio-Tokenizer Nano (OpenMOSS, 2026), 48 kHz, 22 million parameters: 16 codebooks at 12.5 Hz, 2 kbit/s.

    It codes two channels by taking their samples in turn; both get the recording, and the mean of both is the output.
    That apart, the networks are those of the first one, of which the source is public at a commit. What lies beside the
    weights has it too, in bfloat16 by default; here everything is float32.

    Source:
        https://github.com/OpenMOSS/MOSS-TTS-Nano, https://huggingface.co/OpenMOSS-Team/MOSS-Audio-Tokenizer-Nano
    """

    name = "moss-audio-tokenizer-nano"
    prefixes: ClassVar[tuple[int, ...]] = (1, 4, 6, 8, 12, 16)
    worker = Path(__file__).parents[1] / "moss_stereo/worker.py"

    spec = _stereo(
        "Nano",
        "MOSS-Audio-Tokenizer-Nano",
        count=16,
        parameters=21_970_000,  # as its makers round it
        weights=hugging_face("OpenMOSS-Team/MOSS-Audio-Tokenizer-Nano", "config.json", "model.safetensors"),
    )


V2 = "OpenMOSS-Team/MOSS-Audio-Tokenizer-v2"
V2_REVISION = "f6e20e543b33d2c252a7ef71bdf8aa71e5ff9169"


class MossAudioTokenizerV2(MossAudioTokenizerNano):
    """MOSS-Audio-Tokenizer v2 (OpenMOSS, 2026), 48 kHz, 2.1 billion parameters: 32 codebooks at 12.5 Hz, 4 kbit/s."""

    name = "moss-audio-tokenizer-v2"
    prefixes: ClassVar[tuple[int, ...]] = (1, 4, 8, 12, 16, 24, 32)

    spec = _stereo(
        "v2",
        "MOSS-Audio-Tokenizer-v2",
        count=32,
        parameters=2_123_701_248,
        weights=(
            RemoteFile(
                f"hf/{V2}/config.json",
                "aeb9a0e9d88c74bf9fbaa81ee54443d463e09b5f335b3306bb798e282a10e564",
                revision=V2_REVISION,
            ),
            *(
                RemoteFile(f"hf/{V2}/model-0000{number}-of-00003.safetensors", digest, revision=V2_REVISION)
                for number, digest in (
                    (1, "2d9f9182f17b143a23937feb87c63c08221bd28e685e4bc2fa55dcdce17fcde7"),
                    (2, "d4e48106d0254fe3b00ea0707e88fc6aee076993825e108dd9cef847f9db236e"),
                    (3, "d0449fe1b0ef1f6045946867148d8166b9a91a58d0feca4a18b641494d0b22da"),
                )
            ),
        ),
    )
