"""LSCodec (Guo et al., Interspeech 2025): what is said in one codebook, who says it from a prompt."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile, hugging_face
from codec_bench.tokens import Codebook


def _spec(hertz: int, entries: int) -> CodecSpec:
    names = ("codebook.npy", "encoder_config.yml", "vocoder_config.yml", "lscodec_encoder.pt", "lscodec_vocoder.pt")
    return CodecSpec(
        title=f"LSCodec, {hertz} Hz",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=24_000,
        codebooks=(Codebook(entries, hop=16_000 // hertz),),
        causal=False,
        streaming=False,
        licence="MIT",
        weights_licence="not stated",
        source="https://github.com/cantabile-kwok/LSCodec-Inference",
        weights=(*hugging_face(f"cantabile-kwok/lscodec_{hertz}hz", *names), RemoteFile("wavlm/WavLM-Large.pt")),
        min_samples=1600,  # its convolutions are not padded
    )


class LsCodec(IsolatedCodec):
    """A published checkpoint with the recording itself as the prompt.

    The decoder needs features of WavLM-Large from speech of the target voice, which are not part of the code; taking
    the recording gives the codec what it never sends. They are kept as side information so that decoding needs the code
    only, and count nothing towards its bits: compare WER and STOI, as the papers do, and no measure of the voice.

    WavLM-Large is on a page that no program can fetch from: put `WavLM-Large.pt`, as Microsoft publishes it at
    https://github.com/microsoft/unilm/tree/master/wavlm, into a folder of CODEC_BENCH_MIRROR.

    Source:
        https://arxiv.org/abs/2410.15764, https://github.com/cantabile-kwok/LSCodec-Inference
    """

    environment = Environment(
        "lscodec",
        requirements=(
            "torch==1.13.1",
            "numpy<1.24",
            "einops",
            "filelock",
            "pyyaml~=6.0",
            "setuptools==65.6.3",
            "soundfile",
        ),
        sources=(
            Source(
                "cantabile-kwok/LSCodec-Inference",
                "521db44dae355ed796d159f7c99bfc097a149b2b",
                paths=("lscodec",),
                tree="a297c16e3a6f0c033c3c150dd595d5a6e83dcc6e26f934422ad427cd6b6faf3f",
            ),
        ),
        python="3.10",
    )
    worker = Path(__file__).with_name("worker.py")

    def _side_bits(self, side: object) -> int:
        """None: the prompt is given, not sent."""
        return 0


CODECS = LsCodec.checkpoints(
    {
        "lscodec-50hz": _spec(50, 300),  # 0.41 kbit/s, which the paper rounds up to 9 bits per token, 0.45
        "lscodec-25hz": _spec(25, 1024),  # 0.25 kbit/s
    }
)
