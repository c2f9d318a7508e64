"""Options of `codec-bench reproduce`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from codec_bench.options import CodecNames, DataFolders, Names, Option, Panel
from codec_bench.reconstruction.config import ScoringOptions


def folders_of(texts: Sequence[str]) -> dict[str, str]:
    """Folders by row, from `ROW=DIR` or `ROW=files:DIR`.

    Raises:
        ValueError: There is no equals sign, or a row is named twice.

    >>> folders_of(["LLM-Codec=recon/llm", "EnCodec (Q = 8)=recon/encodec"])
    {'LLM-Codec': 'recon/llm', 'EnCodec (Q = 8)': 'recon/encodec'}
    """
    found: dict[str, str] = {}
    for text in texts:
        # Names of rows may hold an equals sign with spaces around it; one without spaces comes before the folder.
        place = next((i for i, sign in enumerate(text) if sign == "=" and text[i - 1 : i] != " "), len(text))
        name, folder = text[:place].strip(), text[place + 1 :].strip()
        if not (name and folder):
            raise ValueError(f"{text!r} is not ROW=DIR, e.g. 'LLM-Codec=recon/llm-codec'")
        if name in found:
            raise ValueError(f"{name!r} is named twice")
        found[name] = folder.removeprefix("files:")
    return found


def _folders(value: Any) -> Any:
    return folders_of(value) if isinstance(value, list | tuple) else value


class ReproduceConfig(ScoringOptions, DataFolders):
    """A published table, and the options of its reproduction."""

    table: Annotated[
        str,
        Option(
            "longcat:table5; see `codec-bench list papers`.", Panel.SYSTEMS, "PAPER[:TABLE]", example="longcat:table5",
            is_argument=True,
        ),
    ]  # fmt: skip
    files: Annotated[
        dict[str, str],
        BeforeValidator(_folders),
        Option(
            "Reconstructions of a row that cannot run here, or of a system that is not in the table; repeat for more.",
            Panel.SYSTEMS,
            "ROW=DIR",
        ),
    ] = {}
    codec: Annotated[CodecNames, Option("Additional systems to measure.", Panel.SYSTEMS, "NAME[@SETTING]")] = []
    row: Annotated[list[str], Option("Only this row; repeat for more.", Panel.SYSTEMS, "ROW")] = []
    run: Annotated[
        list[Path],
        Option(
            "A finished run of `run`, `probe`, `tokens` or `speed` to take values from, without running "
            "anything; repeat for more.",
            Panel.SYSTEMS,
            "RUN",
        ),
    ] = []
    dataset: Annotated[
        str | None, Option("Recordings that replace those of the table.", Panel.DATA, "NAME|FILE.tsv|DIR")
    ] = None
    metrics: Annotated[
        Names, Option("Only these metrics; those of the table by default.", Panel.METHOD, "NAME[,NAME]")
    ] = []
    strict: Annotated[bool, Option("Exit with 1 if a cell is outside its tolerance.", Panel.OUTPUT)] = False
