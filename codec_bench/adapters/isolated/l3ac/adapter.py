"""L3AC, and SQ-Codec before it, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


def _l3ac(package: str, name: str, rate: int, hop: int, window: int, size: int, parameters: int) -> CodecSpec:
    """A configuration of a package; SQ-Codec fills recordings up to whole windows of its attention."""
    title, repository, version = {
        "l3ac": ("L3AC", "L3AC", "v1"),
        "sq_codec": ("SQ-Codec", "SQCodec", "v0"),
    }[package]
    parts = ("encoder", "quantizer", "decoder", "en_encoder", "en_decoder")
    kbps = rate / hop * Codebook(size, hop).bits / 1000
    return neural(
        title=f"{title}, {kbps:.2g} kbit/s" + (", 24 kHz" if rate == 24_000 else ""),
        group=Group.ACOUSTIC,
        input_rate=rate,
        output_rate=rate,
        codebooks=(Codebook(size, hop),),
        parameters=parameters,
        licence="MIT",
        source=f"https://github.com/zhai-lw/{repository}",
        weights=hugging_face(f"zhai-lw/{repository}", *(f"weights/{name}.{version}/{part}.pt" for part in parts)),
        configuration=f"{package} {name}",
        min_samples=hop + 1,  # two frames: one alone has no variance, by which the decoder divides
        padding=window,
    )


class L3ac(IsolatedCodec):
    """A model of L3AC (Zhai et al., 2025) or of SQ-Codec before it: one finite scalar quantizer and few parameters.

    7^6 entries, or 9^3 x 7^3 at the higher rates. The packages leave their networks in training mode, where noise takes
    the place of some values; here they are evaluated. The 24 kHz model of 12 kbit/s calls itself one for 16 kHz.

    SQ-Codec codes whole windows of its attention, so recordings last up to 4.5 s longer in tokens, all of which count.

    Source:
        https://arxiv.org/abs/2504.04949, https://github.com/zhai-lw/L3AC, https://github.com/zhai-lw/SQCodec
    """

    environment = Environment(
        "l3ac",
        # What they declare would bring another torch; these are the modules that coding needs.
        without_dependencies=(
            "l3ac==1.0",
            "sq-codec==0.0.1",
            "einops>=0.8",
            "einx==0.3.0",
            "frozendict>=2",
            "hyper-connections==0.1.15",
            "local-attention==1.11.2",
            "more-itertools>=10",
            "vector-quantize-pytorch==1.17.8",
        ),
        requirements=("pydantic-settings>=2.1", "requests>=2"),
        inherits=True,
        oldest_python="3.11",
    )
    worker = Path(__file__).with_name("worker.py")


class SqCodec(L3ac):
    """A model of SQ-Codec, whose package is another one."""

    imports = "sq_codec"


L3AC = L3ac.checkpoints(
    {
        "l3ac-0.75k": _l3ac("l3ac", "0k75bps", 16_000, 360, 0, 7**6, 11_289_700),
        "l3ac-1k": _l3ac("l3ac", "1kbps", 16_000, 270, 0, 7**6, 11_271_268),
        "l3ac-1.5k": _l3ac("l3ac", "1k5bps", 16_000, 180, 0, 7**6, 11_254_884),
        "l3ac-3k": _l3ac("l3ac", "3kbps", 16_000, 96, 0, 9**3 * 7**3, 10_307_288),
    }
) | SqCodec.checkpoints(
    {
        "sq-codec-0.75k": _l3ac("sq_codec", "0k75bps", 16_000, 360, 72_000, 7**6, 15_179_044),
        "sq-codec-1.5k": _l3ac("sq_codec", "1k5bps", 16_000, 180, 54_000, 7**6, 15_095_076),
        "sq-codec-3k": _l3ac("sq_codec", "3kbps", 16_000, 90, 36_000, 7**6, 11_256_344),
        "sq-codec-6k": _l3ac("sq_codec", "6kbps", 16_000, 45, 13_500, 7**6, 11_207_436),
        "sq-codec-12k": _l3ac("sq_codec", "12kbps", 16_000, 24, 9600, 9**3 * 7**3, 11_182_092),
        "sq-codec-12k-24khz": _l3ac("sq_codec", "12kbps_24khz", 24_000, 36, 14_400, 9**3 * 7**3, 11_218_956),
        "sq-codec-24k-24khz": _l3ac("sq_codec", "24kbps_24khz", 24_000, 18, 10_800, 9**3 * 7**3, 11_163_660),
    }
)
