"""LSCodec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile, hugging_face
from codec_bench.tokens import Codebook

WAVLM_LARGE = RemoteFile(
    "wavlm/WavLM-Large.pt",
    "6fb4b3c3e6aa567f0a997b30855859cb81528ee8078802af439f7b2da0bf100f",
    1_261_965_425,
    source="https://huggingface.co/s3prl/converted_ckpts/resolve/7bc66aee7c4a8c287923bf853afb702a5f8bf08e/wavlm_large.pt",
)
"""Microsoft's own file lies where programs do not get at it; s3prl has an equal one."""


def _lscodec(hertz: int, entries: int) -> CodecSpec:
    names = ("codebook.npy", "encoder_config.yml", "vocoder_config.yml", "lscodec_encoder.pt", "lscodec_vocoder.pt")
    return neural(
        title=f"LSCodec, {hertz} Hz",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=24_000,
        codebooks=(Codebook(entries, hop=16_000 // hertz),),
        licence="MIT",
        source="https://github.com/cantabile-kwok/LSCodec-Inference",
        weights=(*hugging_face(f"cantabile-kwok/lscodec_{hertz}hz", *names), WAVLM_LARGE),
        min_samples=1600,  # its convolutions are not padded
        padding=400,
    )


class LsCodec(IsolatedCodec):
    """A checkpoint of LSCodec (Guo et al., Interspeech 2025): what is said in one codebook, who says it from a prompt.

    The prompt is the recording itself. The decoder needs features of WavLM-Large from speech of the target voice, which
    are not part of the code; taking the recording gives the codec what it never sends. They are kept as side
    information so that decoding needs the code only, and count nothing towards its bits: compare WER and STOI, as the
    papers do, and no measure of the voice.

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
        size=3_000_000_000,
    )
    worker = Path(__file__).with_name("worker.py")
    side_value_bits = 0


LSCODEC = LsCodec.checkpoints(
    {
        "lscodec-50hz": _lscodec(50, 300),  # 0.41 kbit/s, which the paper rounds up to 9 bits per token, 0.45
        "lscodec-25hz": _lscodec(25, 1024),  # 0.25 kbit/s
    }
)
