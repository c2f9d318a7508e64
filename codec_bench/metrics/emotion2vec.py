"""EMO-SIM: how alike two recordings sound in emotion, the cosine between emotion2vec's embeddings of them.

The network is data2vec 2.0: wav2vec 2.0's convolutions, then twelve layers of attention that see how far apart frames
are (ALiBi), after ten tokens of its own. It is a function of the published checkpoint, since FunASR, with which its
authors run it, brings three dozen packages, among them those of a cloud storage.

Source: Ma et al., "emotion2vec: Self-supervised pre-training for speech emotion representation", Findings of ACL 2024.
VERSA reports the same cosine, of the same checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import Weights, read_checkpoint, weights_of
from codec_bench.metrics.model import Model, model_feature, waves
from codec_bench.metrics.resampling import SINC
from codec_bench.metrics.signal import Feature
from codec_bench.metrics.similarity import equal_lengths, similarity
from codec_bench.stats import Floats

if TYPE_CHECKING:
    from torch import Tensor

BASE = RemoteFile(
    "hf/emotion2vec/emotion2vec_base/emotion2vec_base.pt",
    "4f14ddf7ba394bcafdd4bff6ae0f24ab2e4134260d4dd42c58ea791a201b02dd",
    1_125_606_009,
)
PLUS_LARGE = RemoteFile(
    "hf/emotion2vec/emotion2vec_plus_large/model.pt",
    "be501a01f26fcdc7663a062dff86af839afbaef7c4de32f5e42d7e1ad2784da4",
    1_945_790_254,
)

STRIDES = (5, 2, 2, 2, 2, 2, 2)
SHORTEST = 400
"""Samples of a frame; the next one begins 320 later."""

POSITIONS, EARLY, LATE = 5, 4, 8
"""Convolutions that tell positions, layers of attention before the ones of all modalities, and those."""

_AUDIO = "modality_encoders.AUDIO"


def alibi_slopes(heads: int) -> Floats:
    """By how much each head of attention minds a frame of distance, `[heads]`.

    A geometric series for a power of two; the heads beyond that lie between its first members.

    >>> alibi_slopes(12).round(3).tolist()
    [0.5, 0.25, 0.125, 0.062, 0.031, 0.016, 0.008, 0.004, 0.707, 0.354, 0.177, 0.088]
    """
    power = 2 ** (heads.bit_length() - 1)
    steps = [2 * np.arange(1, power + 1), np.arange(1, 2 * (heads - power), 2)]
    return np.asarray(2.0 ** (-4 / power * np.concatenate(steps)))


def emotion2vec_frames(weights: Weights, signals: Tensor) -> Tensor:
    """What emotion2vec makes of each frame.

    Args:
        weights: A published checkpoint: of width 768, or 1024 for plus-large.
        signals: float32 `[batch, n]` at 16 kHz, n >= 400, each of mean 0 and deviation 1.

    Returns:
        `[batch, 1 + (n - 400) // 320, width]`, 50 a second.
    """
    import torch
    from torch.nn.functional import gelu, layer_norm, pad, scaled_dot_product_attention

    w = weights

    def layer(x: Tensor, name: str) -> Tensor:
        batch, frames, _ = x.shape
        parts = w.linear(x, f"{name}.attn.qkv").reshape(batch, frames, 3, len(slopes), -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        heard = scaled_dot_product_attention(query, key, value, attn_mask=bias).transpose(1, 2).flatten(2)
        x = w.layer_norm(x + w.linear(heard, f"{name}.attn.proj"), f"{name}.norm1")
        return w.layer_norm(x + w.linear(gelu(w.linear(x, f"{name}.mlp.fc1")), f"{name}.mlp.fc2"), f"{name}.norm2")

    x = signals[:, None]
    for number, stride in enumerate(STRIDES):
        name = f"{_AUDIO}.local_encoder.conv_layers.{number}"
        x = w.layer_norm(w.convolution(x, f"{name}.0", stride=stride).transpose(1, 2), f"{name}.2.1")
        x = gelu(x).transpose(1, 2)
    x = w.linear(w.layer_norm(x.transpose(1, 2), f"{_AUDIO}.project_features.1"), f"{_AUDIO}.project_features.2")
    width, positions = x.shape[2:], x
    for number in range(1, POSITIONS + 1):
        name = f"{_AUDIO}.relative_positional_encoder.{number}.0"
        _, per_group, reach = w.tensors[f"{name}.weight"].shape
        groups = width[0] // per_group
        y = w.convolution(positions.transpose(1, 2), name, padding=reach // 2, groups=groups)
        positions = gelu(layer_norm(y.transpose(1, 2), width))
    scale = w.tensors[f"{_AUDIO}.alibi_scale"].clamp(min=0).reshape(-1, 1, 1)
    tokens = w.tensors[f"{_AUDIO}.extra_tokens"].expand(len(x), -1, -1)
    slopes = torch.from_numpy(alibi_slopes(len(scale))).to(x)
    places = torch.arange(x.shape[1], device=x.device)
    distances = (places - places[:, None]).abs()
    own = tokens.shape[1]
    bias = pad(-slopes[:, None, None] * distances * scale, (own, 0, own, 0))[None]  # the tokens are near everything
    x = w.layer_norm(torch.cat([tokens, x + positions], dim=1), f"{_AUDIO}.context_encoder.norm")
    for number in range(EARLY):
        x = layer(x, f"{_AUDIO}.context_encoder.blocks.{number}")
    for number in range(LATE):
        x = layer(x, f"blocks.{number}")
    return x[:, own:]


@equal_lengths("emotion2vec", SHORTEST)
def _apply(weights: Weights, audios: Sequence[Audio]) -> Tensor:
    from torch.nn.functional import layer_norm

    signals = waves(audios, weights.device)
    return emotion2vec_frames(weights, layer_norm(signals, signals.shape[1:])).mean(dim=1)


def _embedding(name: str, file: RemoteFile) -> Feature:
    def load(device: str) -> Weights:
        """The tensors of the encoder, which are a third of the checkpoint."""
        import torch

        with weights_of(name, file) as path, torch.inference_mode():
            trained = read_checkpoint(path)["model"]
            # What was fine-tuned has a classifier beside the encoder.
            named = {key.removeprefix("d2v_model."): value for key, value in trained.items()}
            weights = Weights({
                key: value.to(device, torch.float32)
                for key, value in named.items()
                if key.startswith((f"{_AUDIO}.", "blocks.")) and not key.startswith(f"{_AUDIO}.decoder.")
            })  # fmt: skip
            emotion2vec_frames(weights, torch.zeros(1, SHORTEST, device=device))
        return weights

    model = Model(
        name,
        load,
        _apply,
        weights=(file,),
        packages=("torch",),
        modules=("torch",),
        licence="FunASR Model License 1.1",
        equal_lengths=True,
        is_heavy=True,
    )
    return model_feature(model, SINC)


base_embedding = _embedding("emotion2vec_base", BASE)
"""Mean over the frames of a whole signal at 16 kHz, float32 `[768]`, not normalized."""

plus_large_embedding = _embedding("emotion2vec_plus_large", PLUS_LARGE)
"""The same of the largest model, which was trained on to name nine emotions, `[1024]`."""


emotion_similarity = similarity(
    "emo_sim",
    "EMO-SIM",
    "Emotion similarity: cosine of emotion2vec embeddings (emotion2vec_base, mean over frames) of the whole "
    "recordings; [plus-large] of emotion2vec_plus_large.",
    base_embedding,
    {"plus-large": {"embedding": plus_large_embedding}},
    family="emotion",
    hears_polarity=True,
)
"""Similarity of two recordings of 25 ms or more."""
