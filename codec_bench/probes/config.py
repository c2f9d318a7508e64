"""What `codec-bench probe` was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from codec_bench.errors import UsageError
from codec_bench.probes.inputs import parse_input
from codec_bench.probes.recipes import Recipe, recipe_of
from codec_bench.probes.splits import SplitRule


@dataclass(frozen=True)
class ProbeConfig:
    """A probe run.

    Attributes:
        codec: Names of codecs, as for `run`.
        task: Names of tasks.
        dataset: The data set.
        input: `tokens`, `embeddings`, `latents` or `latents:NAME`.
        codebooks: Numbers of codebooks that replace the standard ones.
        seeds: How many trainings of each probe count.
        head: Another head than that of the recipe.
        split: `auto`, or `speakers` or `utterances` to draw such a split.
        seed: Of what is drawn: splits, random tokens, the bootstrap; the trainings have the seeds from here on.
        limit: Only the first so many utterances.
        jobs: Training processes; all cores by default, one on a GPU.
        device: For codecs and probes: `auto`, `cpu`, `cuda`, `cuda:1`.
        data_root: Folder of an extracted data set.
        audio_root: Folder that the paths of a manifest are relative to.
        max_failed: Share of utterances that may fail.
        out: The run directory.
    """

    codec: tuple[str, ...]
    task: tuple[str, ...]
    dataset: str
    input: str = "tokens"
    codebooks: tuple[int, ...] = ()
    seeds: int = 3
    head: str | None = None
    split: str = "auto"
    seed: int = 0
    limit: int | None = None
    jobs: int | None = None
    device: str = "auto"
    data_root: Path | None = None
    audio_root: Path | None = None
    max_failed: float = 0.05
    out: Path | None = None

    def __post_init__(self) -> None:
        parse_input(self.input)
        if not self.codec:
            raise UsageError("--codec is missing: e.g. --codec lyra,codec2")
        if not self.task:
            raise UsageError("--task is missing: e.g. --task sid,digits; codec-bench list tasks names them")
        if self.split not in ("auto", "speakers", "utterances"):
            raise UsageError(f"--split {self.split}: it is auto, speakers or utterances")
        for name in ("seeds", "limit", "jobs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name} is at least 1, not {value}")
        if not 0 <= self.seed:
            raise UsageError(f"--seed is 0 or more, not {self.seed}")

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipes of the tasks.

        Raises:
            UsageError: There is no such task, or it cannot have the head.
        """
        return tuple(recipe_of(name, self.head) for name in dict.fromkeys(self.task))

    @property
    def split_rule(self) -> SplitRule:
        """How parts are made."""
        return cast("SplitRule", self.split)

    @property
    def training_seeds(self) -> tuple[int, ...]:
        """Seeds of the trainings."""
        return tuple(range(self.seed, self.seed + self.seeds))

    def describe(self) -> dict[str, Any]:
        """The configuration as JSON."""
        plain = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else str(v) if isinstance(v, Path) else v for k, v in plain.items()}


def numbers(text: str | None) -> tuple[int, ...]:
    """Numbers with commas between.

    Raises:
        UsageError: One of them is none.

    >>> numbers("2, 4")
    (2, 4)
    """
    try:
        return tuple(int(part) for part in (text or "").split(",") if part.strip())
    except ValueError as error:
        raise UsageError(f"--codebooks {text}: write numbers with commas, e.g. 2,4,8") from error


def names(texts: Sequence[str]) -> tuple[str, ...]:
    """Names that were given with commas, in several options, or both.

    >>> names(["lyra, codec2", "lyra@16"])
    ('lyra', 'codec2', 'lyra@16')
    """
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())
