"""Options of `codec-bench probe`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from codec_bench.adapters.books import Books, parse_numbers
from codec_bench.errors import UsageError
from codec_bench.options import (
    Codebooks,
    CodecNames,
    DataFolders,
    DataPart,
    DatasetName,
    MaxFailed,
    Measurement,
    Names,
    NoCache,
    Option,
    Panel,
    Seed,
)
from codec_bench.probes.recipes import Recipe, recipe_of

SplitRule = Literal["auto", "speakers", "utterances"]
"""The official split, or one that is drawn: `auto` draws where there is no official one."""


def parse_input(text: str) -> tuple[str, str]:
    """The kind of an input, and which codebooks, latents or layers; empty for its own choice.

    Raises:
        UsageError: There is no such input.

    >>> parse_input("latents:quantized"), parse_input("tokens:semantic"), parse_input("hidden:1,14,26")
    (('latents', 'quantized'), ('tokens', 'semantic'), ('hidden', '1,14,26'))
    """
    kind, colon, name = text.partition(":")
    if kind not in ("tokens", "embeddings", "latents", "hidden") or (colon and not name):
        raise UsageError(
            f"--input {text}: it is tokens, embeddings, latents or hidden, and which of them after a colon, e.g. "
            "tokens:semantic, embeddings:0-3, latents:NAME, hidden:1,14"
        )
    try:
        if kind == "hidden" and name:
            parse_numbers(name)
        elif kind != "latents" and name:
            Books(name)
    except (ValueError, UsageError) as error:
        raise UsageError(f"--input {text}: {error}") from None
    return kind, name


class ProbeConfig(Measurement, DataFolders, DataPart):
    """A probe run."""

    codec: Annotated[CodecNames, Field(min_length=1)]
    task: Annotated[
        Names,
        Field(min_length=1),
        Option(
            "What to read from the tokens; see `codec-bench list tasks`.", Panel.SYSTEMS, "TASK[,TASK]",
            example="sid,digits",
        ),
    ]  # fmt: skip
    dataset: DatasetName
    input: Annotated[
        str,
        Option(
            "What probes read: tokens or embeddings (the codebooks' vectors), of all codebooks or of BOOKS (semantic, "
            "acoustic, 0, 1-3); latents; or hidden layers of the encoder (hidden:1,14,26).",
            Panel.SYSTEMS,
            "KIND[:WHICH]",
        ),
    ] = "tokens"
    codebooks: Codebooks = []
    seeds: Annotated[int, Field(ge=1), Option("Trainings of each probe.", Panel.METHOD)] = 3
    head: Annotated[
        str | None, Option("A head other than the task's own; see `codec-bench list tasks`.", Panel.METHOD, "NAME")
    ] = None
    split: Annotated[
        SplitRule,
        Option(
            "The official split, or a drawn one if there is none; or one drawn by speakers or by utterances.",
            Panel.METHOD,
        ),
    ] = "auto"
    seed: Seed = 0
    no_cache: NoCache = False
    jobs: Annotated[
        int | None, Field(ge=1), Option("Training processes; all cores by default, one on a GPU.", Panel.PLACE)
    ] = None
    max_failed: MaxFailed = 0.05

    @field_validator("input")
    @classmethod
    def _known_input(cls, value: str) -> str:
        parse_input(value)
        return value

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipes of the tasks; see `recipe_of` for what cannot be."""
        return tuple(recipe_of(name, self.head) for name in dict.fromkeys(self.task))

    @property
    def training_seeds(self) -> tuple[int, ...]:
        """Seeds of the trainings."""
        return tuple(range(self.seed, self.seed + self.seeds))
