"""The small models: frames in, classes or symbols out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_bench.extras import speechbrain_module
from codec_bench.probes.gradients import padded, summed_rows
from codec_bench.probes.recipes import Head, Recipe
from codec_bench.probes.transformer_heads import BertHead, GPT2Head


class TokenVectors(nn.Module):
    """A learned embedding per codebook, summed."""

    offsets: Tensor

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        # One table for all codebooks: a bag per frame sums without a tensor of [frames, codebooks, width].
        self.table = nn.EmbeddingBag(sum(sizes), width, mode="sum")
        nn.init.normal_(self.table.weight, std=1 / math.sqrt(len(sizes)))
        offsets = torch.tensor([sum(sizes[:k]) for k in range(len(sizes))])
        self.register_buffer("offsets", offsets, persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Indices `[n, codebooks]` to floats `[n, width]`."""
        return summed_rows(self.table.weight, frames + self.offsets)


class NumberVectors(nn.Module):
    """Continuous frames, standardised by mean and deviation `[dimension]` of the training part; a linear layer."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.linear = nn.Linear(len(mean), width)

    def forward(self, frames: Tensor) -> Tensor:
        """Floats `[n, dimension]` to `[n, width]`."""
        vectors: Tensor = self.linear((frames - self.mean) / self.deviation)
        return vectors


def moments(frames: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean and standard deviation over time, side by side.

    Args:
        frames: `[batch, time, width]`.
        mask: `[batch, time]`, True where there is a frame.
        weights: `[batch, time, width]` that sum to 1 over time; by default all frames count alike.

    Returns:
        `[batch, 2 * width]`.
    """
    if weights is None:
        share = mask.to(frames.dtype) / mask.sum(dim=1, keepdim=True).to(frames.dtype)
        weights = share[:, :, None]
    mean = (weights * frames).sum(dim=1)
    variance = (weights * (frames - mean[:, None]) ** 2).sum(dim=1)
    return torch.cat([mean, (variance + 1e-6).sqrt()], dim=1)


class StatisticsHead(nn.Module):
    """Mean and standard deviation over time, then one linear layer or two."""

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        pooled = 2 * recipe.width
        self.norm = nn.LayerNorm(pooled)
        if recipe.head == "linear":
            self.out: nn.Module = nn.Linear(pooled, classes)
        else:
            self.out = nn.Sequential(
                nn.Linear(pooled, recipe.hidden),
                nn.ReLU(),
                nn.Dropout(recipe.dropout),
                nn.Linear(recipe.hidden, classes),
            )

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """`[batch, time, width]` to logits `[batch, classes]`."""
        logits: Tensor = self.out(self.norm(moments(frames, mask)))
        return logits


class MeanHead(nn.Module):
    """One linear layer on the mean over time."""

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self.out = nn.Linear(recipe.width, classes)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """`[batch, time, width]` to logits `[batch, classes]`."""
        logits: Tensor = self.out(moments(frames, mask)[:, : frames.shape[2]])
        return logits


class AttentiveStatisticsHead(nn.Module):
    """Attentive statistics pooling and a cosine classifier, trained with AAM-softmax.

    Source:
        K. Okabe et al., "Attentive Statistics Pooling for Deep Speaker Embedding", Interspeech 2018; J. Deng et al.,
        "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019.
    """

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.Linear(recipe.width, recipe.hidden), nn.Tanh(), nn.Linear(recipe.hidden, recipe.width)
        )
        self.norm = nn.LayerNorm(2 * recipe.width)
        self.embed = nn.Linear(2 * recipe.width, recipe.hidden)
        self.centres = nn.Parameter(torch.randn(classes, recipe.hidden) / math.sqrt(recipe.hidden))

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """`[batch, time, width]` to cosines `[batch, classes]`."""
        weights = self.attention(frames).masked_fill(~mask[:, :, None], -torch.inf).softmax(dim=1)
        embedding = self.embed(self.norm(moments(frames, mask, weights)))
        return functional.linear(functional.normalize(embedding), functional.normalize(self.centres))


class EcapaHead(nn.Module):
    """A small ECAPA-TDNN (SpeechBrain's) and a cosine classifier, trained with AAM-softmax.

    Its convolutions see the padding of a batch; its statistics do not.

    Source:
        B. Desplanques et al., "ECAPA-TDNN: Emphasized Channel Attention, Propagation and Aggregation in TDNN Based
        Speaker Verification", Interspeech 2020.
    """

    LEAST = 5
    """Frames; the outermost layers reflect four at each end."""

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self.embed = speechbrain_module("lobes.models.ECAPA_TDNN").ECAPA_TDNN(
            recipe.width,
            lin_neurons=recipe.hidden,
            channels=[recipe.width] * 4 + [3 * recipe.width],
            kernel_sizes=[5, 3, 3, 3, 1],
            dilations=[1, 2, 3, 4, 1],
            attention_channels=recipe.hidden // 2,
            se_channels=recipe.hidden // 2,
        )
        self.centres = nn.Parameter(torch.randn(classes, recipe.hidden) / math.sqrt(recipe.hidden))

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """`[batch, time, width]` to cosines `[batch, classes]`."""
        longer = functional.pad(frames, (0, 0, 0, max(self.LEAST - frames.shape[1], 0)))
        embedding = self.embed(longer, mask.sum(dim=1) / longer.shape[1])[:, 0]
        return functional.linear(functional.normalize(embedding), functional.normalize(self.centres))


def aam_logits(cosines: Tensor, targets: Tensor, margin: float, scale: float) -> Tensor:
    """Logits of AAM-softmax: `scale * cos(angle + margin)` for the target, otherwise `scale * cos`.

    Where the angle is beyond `pi - margin`, `cos - margin * sin(margin)` takes its place, so that it keeps falling.

    Args:
        cosines: `[batch, classes]`.
        targets: int64 `[batch]`.
        margin: In radians.
        scale: Factor of the cosines.
    """
    cosine = cosines.clamp(-1 + 1e-7, 1 - 1e-7)
    moved = cosine * math.cos(margin) - (1 - cosine**2).sqrt() * math.sin(margin)
    moved = torch.where(cosine > -math.cos(margin), moved, cosine - margin * math.sin(margin))
    hit = functional.one_hot(targets, cosines.shape[1]).bool()
    return scale * torch.where(hit, moved, cosine)


class AttentionHead(nn.Module):
    """Attention pooling per class: each class weighs the frames in its own way and averages its own logits.

    Source:
        Q. Kong et al., "Weakly Labelled AudioSet Tagging with Attention Neural Networks", TASLP 2019 (decision-level
        single attention), with logits in the place of probabilities.
    """

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(recipe.width, recipe.hidden), nn.ReLU(), nn.Dropout(recipe.dropout))
        self.weigh = nn.Linear(recipe.hidden, classes)
        self.decide = nn.Linear(recipe.hidden, classes)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """`[batch, time, width]` to logits `[batch, classes]`."""
        hidden = self.hidden(frames)
        weights = self.weigh(hidden).masked_fill(~mask[:, :, None], -torch.inf).softmax(dim=1)
        logits: Tensor = (weights * self.decide(hidden)).sum(dim=1)
        return logits


class RecurrentHead(nn.Module):
    """A bidirectional LSTM over frames and a linear layer, for CTC.

    The backward direction is an LSTM of its own over each utterance turned round, so that neither sees padding. torch's
    packed sequences do the same, and take seven times as long on a CPU.
    """

    def __init__(self, recipe: Recipe, symbols: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(recipe.width, recipe.hidden, batch_first=True)
        self.backwards = nn.LSTM(recipe.width, recipe.hidden, batch_first=True)
        self.dropout = nn.Dropout(recipe.dropout)
        self.out = nn.Linear(2 * recipe.hidden, symbols)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """`[batch, time, width]` to log probabilities `[batch, time, symbols]`; symbol 0 is the blank."""
        ahead = self.forwards(frames)[0]
        behind = turned_round(self.backwards(turned_round(frames, mask))[0], mask)
        log_probs: Tensor = self.out(self.dropout(torch.cat([ahead, behind], dim=2))).log_softmax(dim=2)
        return log_probs


def turned_round(frames: Tensor, mask: Tensor) -> Tensor:
    """Each utterance of a batch `[batch, time, width]` backwards in time, its padding where it was."""
    positions = torch.arange(mask.shape[1], device=mask.device)[None]
    index = torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - positions, positions)
    return torch.gather(frames, 1, index[:, :, None].expand_as(frames))


HEADS: dict[Head, Callable[[Recipe, int], nn.Module]] = {
    "linear": StatisticsHead,
    "mlp": StatisticsHead,
    "asp": AttentiveStatisticsHead,
    "ecapa": EcapaHead,
    "attention": AttentionHead,
    "bilstm": RecurrentHead,
    "arch": MeanHead,
    "bert": BertHead,
    "gpt2": GPT2Head,
}


class Probe(nn.Module):
    """From frames, `rate` of them per second, to vectors at the rate that the head wants, to what the head makes of
    them.
    """

    def __init__(self, recipe: Recipe, vectors: nn.Module, rate: float, outputs: int) -> None:
        super().__init__()
        least, most = recipe.frame_rates
        self.repeat = max(1, math.ceil(least / rate - 1e-6))
        self.stack = max(1, math.ceil(rate * self.repeat / most - 1e-6))
        self.vectors = vectors
        # Sums of embeddings have any size at first. Numbers are standardised, and their size is a loudness: what is
        # said does not depend on it, but emotions and sounds do.
        normed = recipe.is_sequence or isinstance(vectors, TokenVectors)
        bare = recipe.is_transformer or recipe.head == "arch"
        self.norm = nn.LayerNorm(recipe.width) if normed and not bare else nn.Identity()
        self.dropout = nn.Identity() if bare else nn.Dropout(recipe.dropout)
        self.join = nn.Linear(self.stack * recipe.width, recipe.width) if self.stack > 1 else nn.Identity()
        self.head = HEADS[recipe.head](recipe, outputs)

    def length(self, frames: int) -> int:
        """How many of the given frames the head sees."""
        return -(-frames * self.repeat // self.stack)

    def forward(
        self,
        frames: Tensor,
        lengths: Sequence[int],
        masked: Tensor | None = None,
        mixed: tuple[Tensor, float] | None = None,
    ) -> Tensor:
        """Logits of a batch; see `seen` for the arguments."""
        logits: Tensor = self.head(*self.seen(frames, lengths, masked, mixed))
        return logits

    def seen(
        self,
        frames: Tensor,
        lengths: Sequence[int],
        masked: Tensor | None = None,
        mixed: tuple[Tensor, float] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """What the head sees of a batch: `[batch, time, width]`, and `[batch, time]`, True where there is a frame.

        Args:
            frames: All frames of the batch in a row, `[sum of lengths, codebooks or dimension]`.
            lengths: Frames of each utterance.
            masked: `[sum of lengths, 1 or width]`, 0 where frame vectors are masked in training, otherwise 1.
            mixed: Frames as `frames` whose vectors are mixed in, and the weight of `frames`.
        """
        vectors = self.vectors(frames)
        if mixed is not None:
            vectors = mixed[1] * vectors + (1 - mixed[1]) * self.vectors(mixed[0])
        vectors = self.norm(vectors)
        if masked is not None:
            vectors = vectors * masked
        vectors = self.dropout(vectors)
        batch = padded(vectors, lengths)
        if self.repeat > 1:
            batch = batch.repeat_interleave(self.repeat, dim=1)
        if self.stack > 1:
            short = -batch.shape[1] % self.stack
            batch = functional.pad(batch, (0, 0, 0, short))
            batch = batch.reshape(len(batch), -1, self.stack * batch.shape[2])
        seen = torch.tensor([self.length(n) for n in lengths], device=batch.device)
        mask = torch.arange(batch.shape[1], device=batch.device)[None] < seen[:, None]
        return self.join(batch), mask
