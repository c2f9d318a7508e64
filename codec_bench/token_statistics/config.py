"""Options of `codec-bench tokens`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from codec_bench.adapters.books import Books
from codec_bench.errors import UsageError
from codec_bench.options import (
    Codebooks,
    CodecNames,
    DataFolders,
    DataPart,
    DatasetName,
    Measurement,
    NoCache,
    Option,
    Panel,
    Report,
    Seed,
)

STABILITY = 200
"""Utterances whose changed audio is encoded."""


def _count(value: Any) -> Any:
    """On and off as numbers of utterances."""
    return {True: STABILITY, False: 0}[value] if isinstance(value, bool) else value


class TokensConfig(Measurement, DataFolders, DataPart):
    """A look at the tokens of codecs, or at those that a run kept."""

    codec: CodecNames = []
    tokens: Annotated[
        Path | None,
        Option("Run directory of `run --keep-audio`, instead of --codec and --dataset.", Panel.SYSTEMS, "RUN"),
    ] = None
    codebooks: Codebooks = []
    books: Annotated[
        str | None,
        Option("Only these codebooks: semantic, acoustic, or numbers from 0 on (0, 1-3).", Panel.SYSTEMS, "BOOKS"),
    ] = None
    dataset: DatasetName = "libritts-test-b"
    no_cache: NoCache = False
    symbol_codebooks: Annotated[
        int,
        Field(ge=1),
        Option("Build n-grams from tuples of the first N codebooks.", Panel.METHOD, flag="--ngram-codebooks"),
    ] = 1
    pair_codebooks: Annotated[
        int,
        Field(ge=0),
        Option("Mutual information between pairs of the first N codebooks.", Panel.METHOD),
    ] = 8
    lm: Annotated[bool, Option("Train a small language model on the tokens.", Panel.METHOD)] = True
    lm_steps: Annotated[int, Field(ge=1), Option("Its training steps.", Panel.METHOD)] = 300
    stability: Annotated[
        int,
        BeforeValidator(_count),
        Field(ge=0),
        Option(
            "Utterances to encode again after small changes of the audio.", Panel.METHOD,
            flag="--stability-utterances", switch="--stability",
        ),
    ] = STABILITY  # fmt: skip
    map_method: Annotated[
        Literal["tsne", "umap", "pca", "none"], Option("Projection of the mean embeddings.", Panel.METHOD, flag="--map")
    ] = "tsne"
    map_utterances: int = 1000
    label: Annotated[str | None, Option("Column of the data set that colours the map.", Panel.METHOD, "COLUMN")] = None
    seed: Seed = 0
    report: Report = True

    @field_validator("books")
    @classmethod
    def _known_books(cls, value: str | None) -> str | None:
        try:
            return None if value is None else Books(value).text
        except UsageError as error:
            raise UsageError(f"--books {value}: {error}") from None

    @model_validator(mode="after")
    def _one_source(self) -> TokensConfig:
        if self.tokens is not None and "dataset" in self.model_fields_set:
            raise ValueError("--tokens comes with its own data set: leave out --dataset")
        return self
