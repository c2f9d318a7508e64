"""One training as plain data: what a worker receives, and where its result is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

from codec_bench.fingerprint import address, package_versions
from codec_bench.probes.recipes import Recipe

SEPARATOR = ";"
"""Between the labels of an utterance that has several."""


@dataclass(frozen=True)
class Problem:
    """What is learned from which frames.

    Attributes:
        recipe: How.
        frames: Where the cache keeps the frames, by utterance.
        targets: What is predicted, by utterance: a label, labels with semicolons, or symbols with newlines between.
        symbols: All classes, or all characters or phones of the training part.
        multi: Whether an utterance may have several labels.
        train, dev, test: Ids of the parts.
        variants: Where the cache keeps other frames that utterances of the training part are trained on as well.
    """

    recipe: Recipe
    frames: Mapping[str, str]
    targets: Mapping[str, str]
    symbols: tuple[str, ...]
    multi: bool
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """Everything that decides what is learned, as plain data; what is off is left out."""
        found = asdict(self) | {"recipe": self.recipe.described()}
        return found if self.variants else {name: value for name, value in found.items() if name != "variants"}


@dataclass(frozen=True)
class Training:
    """One training of a problem.

    The seed is that of the initial weights, the order, and everything random; the device is `cpu`, `cuda` or `cuda:1`.
    """

    problem: Problem
    rate: float
    seed: int
    device: str = "cpu"

    @property
    def address(self) -> str:
        """Content address of the result."""
        return address(
            probe=self.problem.described(),
            recipe=self.problem.recipe.fingerprint,
            rate=self.rate,
            seed=self.seed,
            device=self.device.partition(":")[0],
            packages=package_versions(["torch", "numpy"]),
        )


def training_of(plain: Mapping[str, Any]) -> Training:
    """The inverse of `asdict`, also of one that was JSON meanwhile, which has lists for tuples."""
    return TypeAdapter(Training).validate_python(plain)


def parts_of(target: str, *, multi: bool, sequence: bool) -> list[str]:
    r"""The symbols of a target.

    >>> parts_of("dog;rain", multi=True, sequence=False), parts_of("o\nn\n \ni", multi=False, sequence=True)
    (['dog', 'rain'], ['o', 'n', ' ', 'i'])
    """
    if sequence:
        return target.split("\n") if target else []
    if multi:
        return sorted({part.strip() for part in target.split(SEPARATOR) if part.strip()})
    return [target]


def symbols_of(targets: Sequence[str], *, multi: bool, sequence: bool) -> tuple[str, ...]:
    """All symbols of some targets, sorted."""
    return tuple(sorted({part for target in targets for part in parts_of(target, multi=multi, sequence=sequence)}))
