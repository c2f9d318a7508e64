"""Trains one probe: early stopping on the development part, answers for the test part, the same numbers each time."""

from __future__ import annotations

import hashlib
import io
import logging
import math
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from codec_bench.cache import ArrayCache
from codec_bench.errors import CodecBenchError
from codec_bench.files import clear, read_file, write_atomically
from codec_bench.probes.augmentation import masks
from codec_bench.probes.ctc import beam_search, frames_needed, greedy
from codec_bench.probes.frames import Frames, KeptFrames
from codec_bench.probes.heads import NumberVectors, Probe, TokenVectors, aam_logits
from codec_bench.probes.measures import mean_average_precision
from codec_bench.probes.problem import Problem, Training, parts_of
from codec_bench.probes.transformer_heads import GPT2Head

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 60.0
"""A training that takes longer leaves a checkpoint this often; shorter ones are simply repeated."""

TEST_BATCH = 64


@dataclass
class TrainingProgress:
    """How far a training is.

    Attributes:
        best_state: Weights of the best epoch so far.
        best: What it was best in.
        score: Its score on the development part.
        loss: Its loss there.
        curve: Score of each epoch.
    """

    best_state: dict[str, Tensor]
    epoch: int = 0
    best_epoch: int = 0
    best: tuple[float, float] = (-math.inf, -math.inf)
    score: float = 0.0
    loss: float = 0.0
    curve: list[float] = field(default_factory=list)


class TrainingData:
    """The frames and targets of a problem as tensors.

    Raises:
        CodecBenchError: Frames were lost from the cache, or differ in kind.
    """

    def __init__(self, problem: Problem, kept: KeptFrames, device: str) -> None:
        self.problem = problem
        self.device = device
        self.index = {symbol: i for i, symbol in enumerate(problem.symbols)}
        found = {name: kept.get(problem.frames[name], name) for name in (*problem.train, *problem.dev, *problem.test)}
        others = {name: [kept.get(place, name) for place in places] for name, places in problem.variants.items()}
        kinds = {(f.sizes, f.values.shape[1]) for f in (*found.values(), *chain(*others.values()))}
        if len(kinds) != 1:
            raise CodecBenchError(f"the recordings have {len(kinds)} different numbers of codebooks or dimensions")
        first = next(iter(found.values()))
        self.sizes = first.sizes
        self.rate = first.rate
        self.frames = {name: self._tensor(frames) for name, frames in found.items()}
        self.variants = {name: [self._tensor(frames) for frames in made] for name, made in others.items()}

    def _tensor(self, found: Frames) -> Tensor:
        frames = torch.from_numpy(found.values).to(self.device)
        if found.sizes:
            return frames
        if self.problem.recipe.is_sequence:
            # As recognisers have it: what a microphone or a level adds to every frame of an utterance says nothing.
            frames = frames - frames.mean(dim=0)
        if self.problem.recipe.differences:
            frames = with_differences(frames, max(1, round(self.problem.recipe.differences * self.rate)))
        return frames

    def vectors(self) -> torch.nn.Module:
        """The first layer, which depends on what frames are."""
        width = self.problem.recipe.width
        if self.sizes:
            return TokenVectors(self.sizes, width)
        if self.problem.recipe.head == "arch":
            return torch.nn.Identity()
        everything = torch.cat([self.frames[name] for name in self.problem.train]).double()
        deviation = everything.std(dim=0, correction=0).clamp(min=1e-4)
        return NumberVectors(everything.mean(dim=0).float(), deviation.float(), width)

    def batch(self, names: Sequence[str]) -> tuple[Tensor, list[int]]:
        """Frames in a row, and how many of each utterance."""
        chosen = [self.frames[name] for name in names]
        return torch.cat(chosen), [len(frames) for frames in chosen]

    def symbols(self, name: str) -> list[int]:
        """The target of an utterance as indices, of those symbols that the training part has."""
        problem = self.problem
        parts = parts_of(problem.targets[name], multi=problem.multi, sequence=problem.recipe.is_sequence)
        return [self.index[part] for part in parts if part in self.index]


def with_differences(frames: Tensor, apart: int) -> Tensor:
    """Each frame, and the frame `apart` after it minus the one as far before it; the ends are repeated.

    Returns:
        `[frames, 2 * dimension]`.

    >>> with_differences(torch.tensor([[1.0], [2.0], [4.0]]), 1).tolist()
    [[1.0, 1.0], [2.0, 3.0], [4.0, 2.0]]
    """
    places = torch.arange(len(frames), device=frames.device)
    after, before = (places + apart).clamp(max=len(frames) - 1), (places - apart).clamp(min=0)
    return torch.cat([frames, frames[after] - frames[before]], dim=1)


class Trainer:
    """Trains one job, on frames of which some may be in memory."""

    def __init__(self, job: Training, cache: Path, frames: KeptFrames | None = None) -> None:
        self.job = job
        self.recipe = job.problem.recipe
        self.material = TrainingData(job.problem, frames or KeptFrames(ArrayCache(cache / "frames")), job.device)
        self._checkpoint = cache / "probes" / f"{job.address}.checkpoint"
        torch.manual_seed(job.seed)
        has_blank = self.recipe.is_sequence and not self.recipe.is_autoregressive
        outputs = len(job.problem.symbols) + (1 if has_blank else 0)
        if self.recipe.head == "arch" and not self.material.sizes:  # it has numbers as they are
            self.recipe = replace(self.recipe, width=next(iter(self.material.frames.values())).shape[1])
        self.probe = Probe(self.recipe, self.material.vectors(), self.material.rate, outputs).to(job.device)
        self.optimiser = torch.optim.AdamW(self.probe.parameters(), lr=job.rate, weight_decay=self.recipe.weight_decay)
        self.train_names = [name for name in job.problem.train if self._fits(name, self.material.frames[name])]
        self.longest = max((len(self.material.symbols(name)) for name in self.train_names), default=0)
        if not self.train_names:
            raise CodecBenchError("every recording of the training part is too short for its text")

    def _fits(self, name: str, frames: Tensor) -> bool:
        """Whether a recording has enough frames for its text; CTC has no gradient for others."""
        if not self.recipe.is_sequence:
            return True
        symbols = self.material.symbols(name)
        if self.recipe.is_autoregressive:
            return bool(symbols)
        return bool(symbols) and self.probe.length(len(frames)) >= frames_needed(symbols)

    def train(self) -> dict[str, Any]:
        """Trains, and answers for the test part.

        Returns:
            `dev` and `dev_loss` (score and loss of the best epoch), `rank` (what it was best in), `epochs`,
            `best_epoch`, `curve` (dev score of each epoch), `test` (by utterance: `answer`, for CTC also `beam`, for
            several labels `scores`), `seconds`, `left_out` (training recordings that are too short for their text).
        """
        started = time.monotonic()
        problem, recipe = self.job.problem, self.recipe
        progress = self._resumed() or TrainingProgress(deepcopy(self.probe.state_dict()))
        saved = time.monotonic()
        while progress.epoch < recipe.epochs and progress.epoch - progress.best_epoch < recipe.patience:
            self._epoch(progress.epoch)
            progress.epoch += 1
            score, loss = self._dev_score()
            progress.curve.append(round(score, 6))
            # A recogniser that says next to nothing has fewer errors than one that begins to learn: there, loss leads.
            rank = (-loss, score) if recipe.is_sequence else (score, -loss)
            if rank > progress.best:
                progress.best, progress.best_epoch = rank, progress.epoch
                progress.score, progress.loss = score, loss
                progress.best_state = deepcopy(self.probe.state_dict())
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._save(progress)
                saved = time.monotonic()
        self.probe.load_state_dict(progress.best_state)
        result = {
            "dev": progress.score,
            "dev_loss": progress.loss,
            "rank": list(progress.best),
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch,
            "curve": progress.curve,
            "test": self._answers(problem.test, beam=True),
            "left_out": len(problem.train) - len(self.train_names),
            "seconds": round(time.monotonic() - started, 2),
        }
        self._checkpoint.unlink(missing_ok=True)
        return result

    # --- training ----------------------------------------------------------------------------------------------

    def _epoch(self, epoch: int) -> None:
        """One pass; all that is random in it depends on the seed and the number of the epoch."""
        torch.manual_seed(self.job.seed * 1_000_003 + epoch + 1)
        generator = np.random.default_rng([self.job.seed, epoch])
        names = [self.train_names[i] for i in generator.permutation(len(self.train_names))]
        if self.recipe.is_sequence:  # utterances of one length together, so that little is padding
            names.sort(key=lambda name: len(self.material.frames[name]) // 25)
        batches = [names[i : i + self.recipe.batch] for i in range(0, len(names), self.recipe.batch)]
        if self.recipe.head == "ecapa" and len(batches) > 1 and len(batches[-1]) == 1:
            one = batches.pop()  # of one, batch normalisation has no deviation
            batches[-1] += one
        steps = self.recipe.epochs * len(batches)
        warmup = self.recipe.warmup_steps / steps if self.recipe.warmup_steps else self.recipe.warmup
        self.probe.train()
        for k, place in enumerate(generator.permutation(len(batches))):
            for group in self.optimiser.param_groups:
                position = (epoch * len(batches) + k) / steps
                group["lr"] = self.job.rate * schedule(position, warmup, is_linear=self.recipe.decay == "linear")
            self._step(batches[place], generator)

    def _step(self, names: Sequence[str], generator: np.random.Generator) -> None:
        frames = [self._cropped(self._variant(name, generator), generator) for name in names]
        lengths = [len(f) for f in frames]
        masked, partners = self._mask(lengths, generator), self._partners(len(names), generator)
        if isinstance(self.probe.head, GPT2Head):
            texts = [self.material.symbols(name) for name in names]
            loss = self.probe.head.losses(*self.probe.seen(torch.cat(frames), lengths, masked), texts)
        elif partners is None:
            logits = self.probe(torch.cat(frames), lengths, masked)
            loss = self._loss(logits, lengths, names, training=True)
        else:
            order, weight = partners
            # What is shorter than its partner is repeated.
            mixed = [
                frames[k][torch.arange(n, device=self.job.device) % lengths[k]]
                for k, n in zip(order, lengths, strict=True)
            ]
            logits = self.probe(torch.cat(frames), lengths, masked, (torch.cat(mixed), weight))
            loss = weight * self._loss(logits, lengths, names, training=True)
            loss = loss + (1 - weight) * self._loss(logits, lengths, [names[k] for k in order], training=True)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.probe.parameters(), self.recipe.clip)
        self.optimiser.step()

    def _cropped(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        if self.recipe.crop_seconds is None:
            return frames
        length = max(1, round(self.recipe.crop_seconds * self.material.rate))
        start = int(generator.integers(0, max(len(frames) - length, 0) + 1))
        return frames[start : start + length]

    def _variant(self, name: str, generator: np.random.Generator) -> Tensor:
        """The frames of a recording, or of one of its variants that are long enough for its text."""
        frames = self.material.frames[name]
        if not self.material.variants:
            return frames
        made = [frames, *(other for other in self.material.variants[name] if self._fits(name, other))]
        return made[int(generator.integers(len(made)))]

    def _partners(self, count: int, generator: np.random.Generator) -> tuple[list[int], float] | None:
        """With which recording each of a batch is mixed, and the weight that it keeps; None if they are not mixed."""
        how = self.recipe.augmentation
        if how is None or "mix" not in how.kinds or generator.random() >= how.mix_share:
            return None
        return generator.permutation(count).tolist(), float(generator.beta(how.mix_alpha, how.mix_alpha))

    def _mask(self, lengths: Sequence[int], generator: np.random.Generator) -> Tensor | None:
        """What frame vectors are multiplied with, `[sum of lengths, 1 or width]`; None if they stay as they are."""
        how = self.recipe.augmentation
        is_varied = how is not None and "mask" in how.kinds
        if not (self.recipe.mask_share or is_varied):
            return None
        keep = np.ones((sum(lengths), 1), np.float32)
        begin = 0
        for length in lengths:
            for _ in range(2):
                width = int(generator.uniform(0, self.recipe.mask_share) * length)
                start = begin + int(generator.integers(0, length - width + 1))
                keep[start : start + width] = 0
            begin += length
        if how is not None and is_varied:
            keep = keep * masks(how, lengths, self.recipe.width, self.material.rate, generator).astype(np.float32)
        return torch.from_numpy(keep).to(self.job.device)

    def _loss(self, logits: Tensor, lengths: Sequence[int], names: Sequence[str], *, training: bool) -> Tensor:
        symbols = [self.material.symbols(name) for name in names]
        device = logits.device
        if self.recipe.is_sequence:
            flat = torch.tensor([s + 1 for part in symbols for s in part], dtype=torch.long, device=device)
            seen = torch.tensor([self.probe.length(n) for n in lengths], dtype=torch.long)
            sizes = torch.tensor([len(part) for part in symbols], dtype=torch.long)
            return functional.ctc_loss(logits.transpose(0, 1), flat, seen, sizes, zero_infinity=True)
        if self.job.problem.multi:
            truth = torch.zeros_like(logits)
            for row, part in zip(truth, symbols, strict=True):
                row[part] = 1.0
            scale = self.recipe.scale if self.recipe.has_cosines else 1.0  # its outputs are cosines
            return functional.binary_cross_entropy_with_logits(scale * logits, truth)
        targets = torch.tensor([part[0] for part in symbols], device=device)
        if self.recipe.has_cosines:
            margin = self.recipe.margin if training else 0.0
            logits = aam_logits(logits, targets, margin, self.recipe.scale)
        return functional.cross_entropy(logits, targets)

    # --- answers -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _outputs(self, names: Sequence[str]) -> tuple[dict[str, Tensor], float]:
        """Logits, or the symbols of the text, of each utterance; and the mean loss over those that have a target."""
        self.probe.eval()
        order = sorted(names, key=lambda name: (len(self.material.frames[name]), name))
        outputs: dict[str, Tensor] = {}
        total, count = 0.0, 0
        for i in range(0, len(order), TEST_BATCH):
            part = order[i : i + TEST_BATCH]
            frames, lengths = self.material.batch(part)
            known = [k for k, name in enumerate(part) if self.material.symbols(name)]
            chosen = [part[k] for k in known]
            if isinstance(self.probe.head, GPT2Head):
                seen, mask = self.probe.seen(frames, lengths)
                said = self.probe.head.texts(seen, mask, self.longest)
                outputs |= {name: torch.tensor(text) for name, text in zip(part, said, strict=True)}
                texts = [self.material.symbols(name) for name in chosen]
                loss = self.probe.head.losses(seen[known], mask[known], texts) if known else 0.0
            else:
                logits = self.probe(frames, lengths)
                for k, name in enumerate(part):
                    kept = logits[k, : self.probe.length(lengths[k])] if self.recipe.is_sequence else logits[k]
                    outputs[name] = kept.cpu()
                lasting = [lengths[k] for k in known]
                loss = self._loss(logits[known], lasting, chosen, training=False) if known else 0.0
            total, count = total + float(loss) * len(known), count + len(known)
        return outputs, total / max(count, 1)

    def _text(self, output: Tensor) -> list[int]:
        """The symbols of a text, by their places, from an output."""
        if self.recipe.is_autoregressive:
            return [int(symbol) for symbol in output]
        return [symbol - 1 for symbol in greedy(output.numpy())]

    def _dev_score(self) -> tuple[float, float]:
        """Accuracy, mean average precision, or minus the symbol error rate; and the loss."""
        names = self.job.problem.dev
        outputs, loss = self._outputs(names)
        if self.recipe.is_sequence:
            errors = sum(edits(self._text(outputs[n]), self.material.symbols(n)) for n in names)
            symbols = sum(len(self.material.symbols(n)) for n in names)
            return -errors / max(symbols, 1), loss
        if self.job.problem.multi:
            classes = range(len(self.job.problem.symbols))
            truth = np.array([np.isin(classes, self.material.symbols(n)) for n in names])
            scores = torch.stack([outputs[n] for n in names]).double().numpy()
            found = mean_average_precision(truth, scores, np.ones((1, len(names))))
            return float(np.nan_to_num(found[0])), loss
        hits = sum(int(outputs[n].argmax()) == self.material.symbols(n)[0] for n in names)
        return hits / len(names), loss

    def _answers(self, names: Sequence[str], *, beam: bool) -> dict[str, dict[str, Any]]:
        outputs, _ = self._outputs(names)
        symbols = self.job.problem.symbols
        answers: dict[str, dict[str, Any]] = {}
        for name in sorted(names):
            if self.recipe.is_sequence:
                found = {"answer": self._text(outputs[name])}
                if beam and self.recipe.beam:
                    log_probs = outputs[name].numpy()
                    found["beam"] = [symbol - 1 for symbol in beam_search(log_probs, self.recipe.beam)]
                answers[name] = {k: "\n".join(symbols[s] for s in part) for k, part in found.items()}
            elif self.job.problem.multi:
                scores = outputs[name].double().sigmoid()
                answers[name] = {"scores": [round(float(s), 6) for s in scores]}
            else:
                answers[name] = {"answer": symbols[int(outputs[name].argmax())]}
        return answers

    # --- checkpoints -------------------------------------------------------------------------------------------

    def _save(self, progress: TrainingProgress) -> None:
        state = {
            "probe": self.probe.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "progress": vars(progress),
        }
        saved = io.BytesIO()
        torch.save(state, saved)
        write_atomically(self._checkpoint, hashlib.sha256(saved.getvalue()).digest() + saved.getvalue())

    def _resumed(self) -> TrainingProgress | None:
        """Goes on from a checkpoint, where there is one; from the beginning where it is damaged."""
        try:
            data = read_file(self._checkpoint)
        except FileNotFoundError:
            return None
        except OSError:
            data = b""
        if data[:32] != hashlib.sha256(data[32:]).digest():
            logger.warning("%s is damaged: the training begins again", self._checkpoint)
            clear(self._checkpoint)
            return None
        state = torch.load(io.BytesIO(data[32:]), map_location=self.job.device, weights_only=True)
        self.probe.load_state_dict(state["probe"])
        self.optimiser.load_state_dict(state["optimiser"])
        return TrainingProgress(**state["progress"])


def schedule(position: float, warmup: float, *, is_linear: bool = False) -> float:
    """Share of the learning rate: a linear rise, then a half cosine to zero, or a line.

    >>> [round(schedule(p, 0.1), 3) for p in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if position < warmup:
        return position / warmup
    if is_linear:
        return (1 - position) / (1 - warmup)
    return 0.5 + 0.5 * math.cos(math.pi * (position - warmup) / (1 - warmup))


def edits(found: Sequence[int], wanted: Sequence[int]) -> int:
    """Levenshtein distance.

    >>> edits([1, 2, 3], [2, 3, 3, 4])
    3
    """
    if not wanted:
        return len(found)
    row = np.arange(len(wanted) + 1)
    target = np.asarray(wanted)
    steps = np.arange(len(wanted) + 1)
    for i, symbol in enumerate(found, start=1):
        # Deletions and substitutions at once; insertions run along the row, as a running minimum.
        below = np.concatenate([[i], np.minimum(row[1:] + 1, row[:-1] + (target != symbol))])
        row = np.minimum.accumulate(below - steps) + steps
    return int(row[-1])
