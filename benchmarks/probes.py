"""What training a probe costs beside a plain loop with torch alone: the same frames, heads, steps and scores per epoch.

Run with OMP_NUM_THREADS=1, as the training processes are. The plain loop keeps frames in memory, sums embeddings with
`EmbeddingBag`, pads with `pad_sequence`, and is free to differ from run to run; the suite reads frames from its cache,
chooses the best epoch, answers for the test part (for texts also by beam search), and gives the same numbers each time.

Prints one JSON object: the ratio of CPU seconds for emotions and for texts, of turns in one process.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from limits import Limit, publish
from torch import Tensor, nn
from torch.nn import functional

from codec_bench.cache import ArrayCache
from codec_bench.files import digest
from codec_bench.probes.frames import Frames
from codec_bench.probes.heads import HEADS
from codec_bench.probes.problem import Problem, Training
from codec_bench.probes.recipes import RECIPES, Recipe
from codec_bench.probes.training import Trainer
from codec_bench.probes.worker import make_deterministic

BOOKS, ENTRIES, RATE = 46, 16, 50.0
"""Those of Lyra at 9.2 kbps."""

EPOCHS, ROUNDS = 6, 3
LETTERS = "abcdefghijklmnopqrstuvwxyz "


@dataclass(frozen=True)
class Material:
    """Frames `[frames, BOOKS]` and targets of a task, a third of them to train on, to choose by and to test."""

    recipe: Recipe
    frames: dict[str, Tensor]
    targets: dict[str, str]
    symbols: tuple[str, ...]

    @property
    def names(self) -> tuple[list[str], list[str], list[str]]:
        """The parts."""
        everything = list(self.frames)
        half, quarter = len(everything) // 2, len(everything) // 4
        return everything[:half], everything[half : half + quarter], everything[half + quarter :]

    def indices(self, name: str) -> list[int]:
        """The target of an utterance as places among the symbols."""
        target = self.targets[name]
        return [self.symbols.index(part) for part in (target.split("\n") if self.recipe.is_sequence else [target])]


def material(task: str, utterances: int, seconds: float) -> Material:
    """Utterances of a task: which entries a frame has depends on its class, or on the letter that is said then."""
    generator = np.random.default_rng(0)
    recipe = replace(RECIPES[task], epochs=EPOCHS, patience=EPOCHS)
    symbols = tuple(sorted(LETTERS)) if recipe.is_sequence else tuple("abcdefgh")
    means = generator.integers(0, ENTRIES, (len(symbols), BOOKS))
    frames, targets = {}, {}
    for k in range(utterances):
        length = int(seconds * RATE * generator.uniform(0.5, 1.5))
        said = generator.integers(0, len(symbols), length // 6 if recipe.is_sequence else 1)
        heard = means[said[np.arange(length) * len(said) // length]]
        noise = generator.integers(0, ENTRIES, heard.shape)
        name = f"u{k:04d}"
        frames[name] = torch.from_numpy(np.where(generator.random(heard.shape) < 0.5, noise, heard))
        targets[name] = "\n".join(symbols[s] for s in said)
    return Material(recipe, frames, targets, symbols)


def suite(data: Material, cache: Path) -> Callable[[], object]:
    """Trains as a run does."""
    places = {name: digest(f"{data.recipe.task} {name}".encode()) for name in data.frames}
    train, dev, test = map(tuple, data.names)
    problem = Problem(data.recipe, places, data.targets, data.symbols, False, train, dev, test)

    def training() -> object:
        make_deterministic("cpu")
        return Trainer(Training(problem, data.recipe.learning_rates[0], 0), cache).train()

    for name, values in data.frames.items():
        made = Frames(values.numpy(), RATE, (ENTRIES,) * BOOKS)
        ArrayCache(cache / "frames").put(places[name], made.to_arrays())
    return training


class Plain(nn.Module):
    """The probe of tokens as one writes it."""

    def __init__(self, recipe: Recipe, outputs: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(BOOKS * ENTRIES, recipe.width, mode="sum")
        self.norm = nn.LayerNorm(recipe.width)
        self.dropout = nn.Dropout(recipe.dropout)
        self.join = nn.Linear(2 * recipe.width, recipe.width)  # two frames at a time, of fifty per second
        self.head = HEADS[recipe.head](recipe, outputs)

    def forward(self, frames: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """What the head makes of a batch, and how many frames of each utterance it sees."""
        lengths = [len(one) for one in frames]
        vectors = self.table(torch.cat(list(frames)) + torch.arange(BOOKS) * ENTRIES)
        padded = nn.utils.rnn.pad_sequence(self.dropout(self.norm(vectors)).split(lengths), batch_first=True)
        padded = functional.pad(padded, (0, 0, 0, padded.shape[1] % 2)).flatten(1).unflatten(1, (-1, 128))
        seen = torch.tensor([(length + 1) // 2 for length in lengths])
        return self.head(self.join(padded), torch.arange(padded.shape[1])[None] < seen[:, None]), seen


def plain(data: Material) -> Callable[[], object]:
    """Trains with torch alone."""
    recipe = data.recipe
    train, dev, _ = data.names
    crop = int(recipe.crop_seconds * RATE) if recipe.crop_seconds else None

    def loss(model: Plain, names: Sequence[str], longest: int | None) -> Tensor:
        outputs, seen = model([data.frames[name][:longest] for name in names])
        targets = [data.indices(name) for name in names]
        if not recipe.is_sequence:
            return functional.cross_entropy(outputs, torch.tensor(targets).flatten())
        texts = torch.tensor([symbol + 1 for text in targets for symbol in text])
        return functional.ctc_loss(outputs.transpose(0, 1), texts, seen, torch.tensor(list(map(len, targets))))

    def training() -> object:
        torch.use_deterministic_algorithms(False)
        torch.manual_seed(0)
        model = Plain(recipe, len(data.symbols) + recipe.is_sequence)
        optimiser = torch.optim.AdamW(model.parameters(), recipe.learning_rates[0], weight_decay=recipe.weight_decay)
        for _epoch in range(EPOCHS):
            model.train()
            names = [train[i] for i in torch.randperm(len(train))]
            for k in range(0, len(names), recipe.batch):
                optimiser.zero_grad()
                loss(model, names[k : k + recipe.batch], crop).backward()
                nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
                optimiser.step()
            model.eval()
            with torch.no_grad():
                loss(model, dev, None)
        return model

    return training


def seconds(function: Callable[[], object]) -> float:
    """CPU seconds of one training."""
    started = time.process_time()
    function()
    return time.process_time() - started


def main(cache: Path) -> None:
    """Measures in turns, so that a machine whose speed drifts does not favour one side."""
    torch.set_num_threads(1)
    limits, facts = [], {}
    for task, utterances, length, limit in (("er", 200, 3.5, 0.7), ("asr", 100, 5.0, 1.0)):
        data = material(task, utterances, length)
        ours, theirs = suite(data, cache), plain(data)
        pairs = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS + 1)][1:]
        facts[task] = [[round(own, 2), round(other, 2)] for own, other in pairs]
        ratio = float(np.median([own / other for own, other in pairs]))
        limits.append(Limit(f"training a probe ({task}) over a plain loop with torch", ratio, limit))
    publish("probes over plain loops", limits, cpu_seconds=facts)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
