"""UTMOS: naturalness predicted by the strong learner of the UTokyo-SaruLab system for the VoiceMOS Challenge 2022.

Source: Saeki et al., "UTMOS: UTokyo-SaruLab System for VoiceMOS Challenge 2022", Interspeech 2022; the checkpoint
"epoch=3-step=7459" as the package SpeechMOS publishes it, which needs no fairseq: the domain is 0, the judge 288, and
there is no phoneme encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics import register_metric
from codec_bench.metrics.checkpoints import read_checkpoint, weights_of
from codec_bench.metrics.model import Model, model_feature, stacked, waves
from codec_bench.metrics.signal import Feature, Signal

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
MIN_SAMPLES = 400
"""What one frame of wav2vec 2.0 sees; a shorter signal has none."""

WEIGHTS = RemoteFile(
    "models/utmos/utmos22_strong_step7459_v1.pt",
    sha256="38aa51ab79e2a4e09a1449758a4b37e9cbb2e8235a49662a732d33a9ba1e9bff",
    size=411_179_119,
    source="https://github.com/tarepan/SpeechMOS/releases/download/v1.0.0/utmos22_strong_step7459_v1.pt",
)


def network() -> Any:
    """The network with weights of no meaning: a `torch.nn.Module` from float32 `[batch, n]` at 16 kHz to `[batch]`.

    Its parameters have the names of the published checkpoint, except that the weight of the convolution over positions
    is one tensor: `folded` makes it from the two of the checkpoint.
    """
    from codec_bench.metrics.utmos_network import StrongLearner

    return StrongLearner().eval().requires_grad_(False)


def folded(state: dict[str, Any]) -> dict[str, Any]:
    """The tensors of a checkpoint under the names of `network`.

    Args:
        state: As published: the weight of the convolution over positions as its direction `weight_v` and its norm
            `weight_g` for each position in the kernel, and the mask of the pretraining.
    """
    left = {name: tensor for name, tensor in state.items() if name != "wav2vec2.mask_emb"}
    convolution = "wav2vec2.encoder.pos_conv.0.weight"
    direction, norm = left.pop(f"{convolution}_v"), left.pop(f"{convolution}_g")
    return left | {convolution: direction * (norm / direction.norm(dim=(0, 1), keepdim=True))}


def _load(device: str) -> Any:
    """The network on a device."""
    made = network()
    with weights_of("UTMOS", WEIGHTS) as path:
        made.load_state_dict(folded(read_checkpoint(path)))
    return made.to(device)


@stacked(MIN_SAMPLES, f"UTMOS needs {MIN_SAMPLES} samples, 25 ms")
def _apply(loaded: Any, audios: Sequence[Audio]) -> Tensor:
    """The scores, `[batch]`."""
    scores: Tensor = loaded(waves(audios, loaded.domain_emb.device))
    return scores


MODEL = Model(
    "utmos",
    _load,
    _apply,
    weights=(WEIGHTS,),
    packages=("torch",),
    modules=("torch",),
    licence="MIT",
    equal_lengths=True,
    batch_seconds=60.0,
    is_heavy=True,
)

feature = model_feature(MODEL)
"""The score of a whole signal at 16 kHz, 0-d float32."""


@register_metric(
    "utmos",
    unit="MOS",
    better="higher",
    range=(None, None),
    rate=RATE,
    family="mos",
    title="UTMOS",
    digits=2,
    note="UTMOS22 strong learner (wav2vec 2.0 base, epoch 3, step 7459, domain 0, judge 288, no phonemes), at 16 kHz; "
    "the scale is 1 to 5, and the network may leave it.",
)
def utmos(decoded: Signal, *, score: Feature = feature) -> float:
    """Naturalness predicted from the decoded signal alone.

    Args:
        decoded: Reconstruction at 16 kHz, 25 ms or more; its level counts.
        score: The model.

    Returns:
        A mean opinion score, nominally from 1 to 5. The network is not limited to that range, and the score is not
        clipped, as in the original.

    Raises:
        NotScorable: Too short.
        UnavailableError: The weights are missing.
    """
    return float(decoded[score])
