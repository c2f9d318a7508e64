"""FocalCodec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


def _focalcodec(
    title: str, repository: str, frame_rate: float, size: int = 8192, *, is_stream: bool = False
) -> CodecSpec:
    """A checkpoint; those for streams give 24 kHz.

    Within a chunk of four frames the encoder of one for streams sees all of them, so that it has a latency of 80 ms and
    is not called causal.
    """
    return neural(
        title=title,
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=24_000 if is_stream else 16_000,
        codebooks=(Codebook(size, hop=round(16_000 / frame_rate)),),
        streaming=is_stream,
        licence="Apache-2.0",
        source="https://github.com/lucadellalib/focalcodec",
        weights=hugging_face(f"lucadellalib/{repository}", "config.json", "model.safetensors"),
    )


class FocalCodec(IsolatedCodec):
    """A checkpoint of FocalCodec (Della Libera et al., NeurIPS 2025), 16 kHz: a binary codebook over features of WavLM.

    Upstream drops the end of a recording that does not fill a frame; zeros are appended here, so that the tokens cover
    it.

    Source:
        https://arxiv.org/abs/2502.04465, https://arxiv.org/abs/2509.16195, https://github.com/lucadellalib/focalcodec
    """

    environment = Environment(
        "focalcodec",
        without_dependencies=("safetensors>=0.4",),
        sources=(
            Source(
                "lucadellalib/focalcodec",
                "912b7f2c0cd43d54a8aed296bbcc925dec7d4ea3",
                paths=("focalcodec",),
                tree="d1f8be2fe89ffb16c9418195c4fd79aee7df5c0c4c1f8d6bff48cfea8db80de7",
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")


FOCALCODEC = FocalCodec.checkpoints(
    {
        # Trained on LibriTTS: 0.65, 0.33 and 0.16 kbit/s.
        "focalcodec-50hz": _focalcodec("FocalCodec, 50 Hz", "focalcodec_50hz", 50),
        "focalcodec-25hz": _focalcodec("FocalCodec, 25 Hz", "focalcodec_25hz", 25),
        "focalcodec-12.5hz": _focalcodec("FocalCodec, 12.5 Hz", "focalcodec_12_5hz", 12.5),
        # Trained on Libri-Light: 0.8, 0.6 and 0.55 kbit/s.
        **{
            f"focalcodec-stream-{name}": _focalcodec(
                f"FocalCodec-Stream, {size} entries", f"focalcodec_50hz_{name}_causal", 50, size, is_stream=True
            )
            for name, size in (("65k", 65_536), ("4k", 4096), ("2k", 2048))
        },
    }
)
