"""AUV, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class Auv(IsolatedCodec):
    """AUV (Chen et al., 2025), 16 kHz: one codebook of 20,480 entries at 50 Hz for speech, singing, music and sounds.

    0.716 kbit/s: training gave each kind of audio a part of the codebook, speech the first 8192 entries (0.65 kbit/s);
    coding looks for the nearest of all, as the package does where nobody says what is heard. It codes whole frames,
    and two at least; zeros fill the last one.

    Source:
        https://arxiv.org/abs/2509.21968, https://github.com/SWivid/AUV
    """

    name = "auv"
    environment = Environment(
        "auv", without_dependencies=("auv==0.1.1", "einops>=0.6"), inherits=True, borrowed=("torchaudio",)
    )
    worker = Path(__file__).with_name("worker.py")

    spec = neural(
        title="AUV",
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(20_480, hop=320),),
        parameters=122_628_882,
        licence="MIT",
        weights_licence="MIT",
        source="https://github.com/SWivid/AUV",
        weights=hugging_face("SWivid/AUV", "auv.pt"),
        padding=320,
    )
