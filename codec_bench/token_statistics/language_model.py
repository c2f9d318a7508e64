"""A small GPT over flattened tokens: how many bits per second of audio are left once a model knows what came before.

Every codec gets the same network, the same number of steps and the same number of tokens per step, so the result is
what this budget reaches, not the entropy of the tokens. It is given per second, so that codecs of different rates
compare.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict, dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import torch
from pydantic import TypeAdapter
from torch import nn
from torch.nn import functional as F  # noqa: N812 - as everywhere

from codec_bench.errors import first_line
from codec_bench.files import clear, read_json, write_atomically
from codec_bench.fingerprint import address, package_versions
from codec_bench.inference import one_thread
from codec_bench.token_statistics.token_sequence import Sequence as TokenSequence

logger = logging.getLogger(__name__)

VERSION = 1
"""Raised whenever results change."""

EVALUATE_EVERY = 50
EVALUATED_AT_ONCE = 32
DEVELOPMENT_TOKENS = 20_000


@dataclass(frozen=True)
class ModelSettings:
    """The recipe.

    Attributes:
        steps: Updates at most; the network with the best development loss counts, looked at every 50 steps.
        layers: Transformer blocks.
        width: Channels.
        heads: Attention heads.
        context: Tokens that the network sees.
        batch: Stretches of `context` tokens per update.
        rate: Highest learning rate of AdamW, after a linear rise over a tenth of the steps and before a cosine fall.
        dropout: Share of channels that are dropped in training.
        seed: Seeds the weights and all draws.
    """

    steps: int = 300
    layers: int = 2
    width: int = 128
    heads: int = 4
    context: int = 256
    batch: int = 8
    rate: float = 2e-3
    dropout: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class ModelResult:
    """What is left to tell of each test utterance.

    Attributes:
        bits: By the language model, per test utterance.
        unigram_bits: By the frequencies of the training part, each codebook with its own, half a token added to each.
        steps: Updates after which the network counted was reached; 0 for the frequencies alone.
        train_tokens: Tokens of the training part.
        device: `cpu` or `cuda`.
    """

    bits: tuple[float, ...]
    unigram_bits: tuple[float, ...]
    steps: int
    train_tokens: int
    device: str


class _Block(nn.Module):
    """Pre-norm attention and feed-forward layers."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)
        self.between = nn.LayerNorm(width)
        self.forward_layers = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        parts = self.attention(self.before(x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.drop(self.mixed(seen.transpose(1, 2).reshape(batch, length, width)))
        added: torch.Tensor = self.drop(self.forward_layers(self.between(x)))
        return x + added


class _Gpt(nn.Module):
    """Predicts each token among the entries of its codebook, which is known from its place."""

    def __init__(self, sizes: Sequence[int], log_shares: torch.Tensor, settings: ModelSettings) -> None:
        super().__init__()
        self.starts = [0, *np.cumsum(sizes).tolist()]
        self.symbols = nn.Embedding(self.starts[-1] + 1, settings.width)  # the last one begins an utterance
        self.places = nn.Embedding(settings.context, settings.width)
        self.books = nn.Embedding(len(sizes), settings.width)
        self.blocks = nn.ModuleList(
            _Block(settings.width, settings.heads, settings.dropout) for _ in range(settings.layers)
        )
        self.last = nn.LayerNorm(settings.width)
        self.drop = nn.Dropout(settings.dropout)
        for table in (self.symbols, self.places, self.books):
            nn.init.normal_(table.weight, std=0.02)
        self.bias = nn.Parameter(log_shares.clone())  # learning starts from the frequencies

    def forward(self, before: torch.Tensor, targets: torch.Tensor, books: torch.Tensor) -> torch.Tensor:
        """Nats of each target, `[batch, length]`; 0 where the target is the beginning of an utterance (book -1)."""
        x = self.symbols(before) + self.places.weight[: before.shape[1]] + self.books(books.clamp(min=0))
        x = self.drop(x)
        for block in self.blocks:
            x = block(x)
        x = self.last(x)
        losses = torch.zeros(targets.shape, dtype=x.dtype, device=x.device)
        for book in torch.unique(books).tolist():
            if book >= 0:
                here = books == book
                low, high = self.starts[book], self.starts[book + 1]
                logits = F.linear(x[here], self.symbols.weight[low:high], self.bias[low:high])
                losses = losses.masked_scatter(here, F.cross_entropy(logits, targets[here] - low, reduction="none"))
        return losses


@dataclass(frozen=True)
class _Stretch:
    """Utterances one after the other, each behind the symbol that begins it (book -1)."""

    symbols: torch.Tensor
    books: torch.Tensor

    @classmethod
    def of(cls, sequences: Sequence[TokenSequence], begin: int) -> _Stretch:
        symbols = [np.concatenate([[begin], s.symbols]).astype(np.int64) for s in sequences]
        books = [np.concatenate([[-1], s.books]).astype(np.int64) for s in sequences]
        return cls(torch.from_numpy(np.concatenate(symbols)), torch.from_numpy(np.concatenate(books)))


def model_tokens(
    sizes: Sequence[int],
    train: Sequence[TokenSequence],
    development: Sequence[TokenSequence],
    test: Sequence[TokenSequence],
    settings: ModelSettings,
    *,
    device: str = "cpu",
    cache: Path | None = None,
    progress: Callable[[int], None] = lambda steps: None,
) -> ModelResult:
    """Trains the language model and measures what it makes of the test utterances.

    On the CPU it runs on one thread, so that the number of cores decides nothing.

    Args:
        sizes: Sizes of the codebooks.
        train: Utterances to learn from, at least one token together.
        development: Utterances that decide when it has learnt enough.
        test: Utterances to measure.
        settings: The recipe.
        device: `cpu`, `cuda` or `cuda:1`.
        cache: Folder of results by what went into them; None keeps none.
        progress: Called with the steps that were made.
    """
    kind = device.partition(":")[0]
    key = address(
        model=VERSION,
        settings=asdict(settings),
        sizes=list(sizes),
        tokens=[_digest(part) for part in (train, development, test)],
        device=kind,
        packages=package_versions(["torch"]),
    )
    file = cache / key[:2] / f"{key[2:]}.json" if cache is not None else None
    if file is not None and (found := _read(file, len(test))) is not None:
        progress(settings.steps)
        return found
    # The caller's random state is as before.
    fork = torch.random.fork_rng(devices=None if kind == "cuda" else [])
    with fork, one_thread() if kind == "cpu" else nullcontext():
        result = _train_and_measure(sizes, (train, development, test), settings, device, progress)
    if file is not None:
        write_atomically(file, (json.dumps(asdict(result)) + "\n").encode())
    return result


def _train_and_measure(
    sizes: Sequence[int],
    parts: tuple[Sequence[TokenSequence], ...],
    settings: ModelSettings,
    device: str,
    progress: Callable[[int], None],
) -> ModelResult:
    """What `model_tokens` does where no result is kept."""
    train, development, test = parts
    begin = sum(sizes)
    counts = np.bincount(np.concatenate([s.symbols for s in train]), minlength=begin) + 0.5
    starts = np.cumsum([0, *sizes])
    shares = np.concatenate([counts[a:b] / counts[a:b].sum() for a, b in pairwise(starts)])
    unigram = tuple(float(-np.log2(shares[s.symbols]).sum()) for s in test)
    torch.manual_seed(settings.seed)
    network = _Gpt(sizes, torch.from_numpy(np.log(shares)).float(), settings).to(device)
    stretch, watched = _Stretch.of(train, begin), _first(development, DEVELOPMENT_TOKENS)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, betas=(0.9, 0.95), weight_decay=0.01)
    draw = np.random.default_rng(settings.seed)
    best, best_step, kept = _nats(network, watched, settings, begin, device), 0, deepcopy(network.state_dict())
    for step in range(1, settings.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = settings.rate * _schedule(step, settings.steps)
        network.train()
        before, targets, books = _batch(stretch, settings, draw, device)
        losses = network(before, targets, books)
        optimiser.zero_grad(set_to_none=True)
        (losses.sum() / max(1, int((books >= 0).sum()))).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        progress(1)
        if step % EVALUATE_EVERY == 0 or step == settings.steps:
            loss = _nats(network, watched, settings, begin, device)
            if loss < best:
                best, best_step, kept = loss, step, deepcopy(network.state_dict())
    network.load_state_dict(kept)
    bits = tuple(_nats(network, [s], settings, begin, device) / math.log(2) for s in test)
    return ModelResult(bits, unigram, best_step, int(sum(len(s.symbols) for s in train)), device.partition(":")[0])


def _batch(
    stretch: _Stretch, settings: ModelSettings, draw: np.random.Generator, device: str
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stretches from places drawn by chance: what comes before each target, the targets, and their codebooks."""
    length = min(settings.context, len(stretch.symbols) - 1)
    starts = torch.from_numpy(draw.integers(0, len(stretch.symbols) - length, settings.batch))
    at = starts[:, None] + torch.arange(length + 1)
    symbols, books = stretch.symbols[at], stretch.books[at]
    return symbols[:, :-1].to(device), symbols[:, 1:].to(device), books[:, 1:].to(device)


@torch.no_grad()
def _nats(network: _Gpt, sequences: Sequence[TokenSequence], settings: ModelSettings, begin: int, device: str) -> float:
    """Nats of all tokens. Each is predicted from at least half a context, or from all that its utterance has before."""
    network.eval()
    half = settings.context // 2
    total = 0.0
    for sequence in sequences:
        one = _Stretch.of([sequence], begin)
        symbols, books = one.symbols.to(device), one.books.to(device)
        count = len(sequence.symbols)
        first = min(count, settings.context)
        spans = [(0, first, 0)]  # from, to, and the first that counts
        spans += [(at + half - settings.context, min(at + half, count), at) for at in range(first, count, half)]
        # The last span may be shorter than the others, and the first one is alone: equal ones go together.
        for (length, known), group in groupby(spans, key=lambda span: (span[1] - span[0], span[2] - span[0])):
            starts = [start for start, _, _ in group]
            for i in range(0, len(starts), EVALUATED_AT_ONCE):
                at = torch.tensor(starts[i : i + EVALUATED_AT_ONCE])[:, None] + torch.arange(length)
                losses = network(symbols[at], symbols[at + 1], books[at + 1])
                total += float(losses[:, known:].double().sum())
    return total


def _first(sequences: Sequence[TokenSequence], tokens: int) -> list[TokenSequence]:
    """Sequences of this many tokens in total, the last one cut."""
    taken: list[TokenSequence] = []
    for s in sequences:
        left = tokens - sum(len(t.symbols) for t in taken)
        if left <= 0:
            break
        taken.append(TokenSequence(s.symbols[:left], s.books[:left], s.seconds))
    return taken


def _schedule(step: int, steps: int) -> float:
    """Factor of the learning rate: a linear rise over a tenth, then half a cosine down to a tenth."""
    rise = max(1, steps // 10)
    if step <= rise:
        return step / rise
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def _digest(sequences: Sequence[TokenSequence]) -> str:
    state = hashlib.sha256()
    for s in sequences:
        state.update(len(s.symbols).to_bytes(8, "little"))
        state.update(np.ascontiguousarray(s.symbols, "<i4").tobytes())
        state.update(np.ascontiguousarray(s.books, "<i2").tobytes())
    return state.hexdigest()


def _read(file: Path, expected: int) -> ModelResult | None:
    """A kept result, or None if there is none; one that is damaged is reported, and counts as none."""
    try:
        result = TypeAdapter(ModelResult).validate_python(read_json(file))
        numbers = (*result.bits, *result.unigram_bits)
        if {len(result.bits), len(result.unigram_bits)} != {expected} or not all(0 <= n < math.inf for n in numbers):
            raise ValueError("its numbers are none of these utterances")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("the kept language model %s is damaged (%s); it is trained again", file, first_line(error))
        clear(file)
        return None
    return result
