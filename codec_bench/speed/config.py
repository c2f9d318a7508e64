"""Options of `codec-bench speed`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from codec_bench.options import (
    Checkpoint,
    Codebooks,
    CodecNames,
    DataFolders,
    Measurement,
    Option,
    Panel,
    Report,
    listed,
)

LENGTHS = (5.0, 30.0, 60.0)
"""Lengths of the recordings in seconds: those of Stable-Codec's table 10."""

Length = Annotated[float, Field(ge=0.1, allow_inf_nan=False)]


class SpeedConfig(Measurement, DataFolders):
    """A measurement of what codecs cost."""

    codec: Annotated[CodecNames, Field(min_length=1)]
    codebooks: Codebooks = []
    checkpoint: Checkpoint = None
    seconds: Annotated[
        list[Length],
        BeforeValidator(listed),
        Field(min_length=1),
        AfterValidator(lambda lengths: sorted(set(lengths))),
        Option("Lengths of the recordings.", Panel.DATA, "SECONDS[,SECONDS]"),
    ] = list(LENGTHS)
    audio: Annotated[
        str, Option("An audio file, or a data set whose utterances are joined and cut.", Panel.DATA, "FILE|NAME")
    ] = "demo"
    threads: Annotated[int, Field(ge=1), Option("Threads of torch and of BLAS libraries.", Panel.PLACE)] = 1
    repeats: Annotated[int, Field(ge=1), Option("Timed rounds per length.", Panel.METHOD)] = 5
    warmup: Annotated[int, Field(ge=0), Option("Untimed rounds before them.", Panel.METHOD)] = 1
    timeout: Annotated[
        float, Field(gt=0), Option("Time limit in seconds for loading, or for one round.", Panel.PLACE, "SECONDS")
    ] = 600.0
    report: Report = True
