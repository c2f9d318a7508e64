"""Where tokens come from: codecs that run here, or files that an earlier run kept."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import System
from codec_bench.coding.conditions import Condition
from codec_bench.coding.items import Item
from codec_bench.coding.local import local_dispatcher
from codec_bench.coding.rows import Row, describe_system
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.files import read_file
from codec_bench.records import NotScorable, Status, Utterance
from codec_bench.runs.directory import Run, load_run, slug
from codec_bench.stats import Floats
from codec_bench.token_statistics.embedding_map import histogram_embedding
from codec_bench.token_statistics.stability import QUIETER, SHIFT, Reencoded
from codec_bench.token_streams import tokens_of
from codec_bench.tokens import Code, Tokens, code_from_arrays


class CodecTokens:
    """Tokens of codecs, each recording encoded once."""

    can_encode = True

    def __init__(self, systems: Sequence[System], cache: Path, device: str) -> None:
        for system in systems:
            if not isinstance(system.source, Codec):
                raise UsageError(f"{system.label} has no tokens: audio that exists already was not encoded here")
        self._rows = {system.label: Row(system) for system in systems}
        self._described: dict[str, Mapping[str, Any]] = {}
        self._coding = local_dispatcher(cache, device)
        self._no_latents: set[str] = set()

    def identify(self) -> list[str]:
        """Finds out what plug-ins hold; see `Dispatcher.identify`. Before anything else."""
        return self._coding.identify([row.system for row in self._rows.values()])

    @property
    def systems(self) -> Mapping[str, Mapping[str, Any]]:
        """The systems by label, as `run.json` keeps them."""
        if not self._described:
            self._described = {name: describe_system(row) for name, row in self._rows.items()}
        return self._described

    @property
    def devices(self) -> dict[str, str]:
        """Where each codec ran."""
        return self._coding.devices

    def check(self, item: Item) -> None:
        """Encodes one utterance with each system, so that a codec whose packets are not tokens is found at once.

        Raises:
            UsageError: The packets of a system are not tokens.
        """
        for label, row in self._rows.items():
            try:
                tokens_of(self._code(row, item))
            except NotScorable:
                continue
            except UsageError as error:
                raise UsageError(f"{label} has no tokens to look at: {error}") from error

    def tokens(self, system: str, item: Item) -> Tokens:
        """The tokens of an utterance.

        Raises:
            NotScorable: There are none.
        """
        return _tokens(self._code(self._rows[system], item))

    def changed(self, system: str, item: Item, change: str) -> Tokens:
        """The tokens of an utterance after a change of `stability.CHANGES`; raises as `tokens` does."""
        row = self._rows[system]
        if change == "reencode":
            if not row.spec.decodes:
                raise NotScorable(f"{row.source.name} has no decoder", Status.UNDEFINED)
            condition: Condition = Reencoded(
                identity=lambda i: self._coding.reconstructor.identity(row, i),
                decoded=lambda i: self._coding.audio(row, i),
            )
        else:
            condition = {"shift": SHIFT, "gain": QUIETER}[change]
        return _tokens(self._code(Row(row.system, condition), item))

    def embedding(self, system: str, item: Item) -> tuple[Floats, str]:
        """The mean of the codec's first latents, or of one-hot vectors where it offers none, and the name of these."""
        tokens = self.tokens(system, item)
        if system not in self._no_latents:
            try:
                found = self._coding.latents(self._rows[system], item)
            except UsageError:
                self._no_latents.add(system)
            else:
                name = next(iter(found))
                return np.asarray(found[name].mean(axis=0), np.float64), name
        return histogram_embedding(tokens), "one-hot"

    def close(self) -> None:
        """Frees the loaded model."""
        self._coding.close()

    def _code(self, row: Row, item: Item) -> Code:
        if item.problem:
            raise NotScorable(item.problem, item.status)
        (code,) = self._coding.codes(row, item)
        return code


@dataclass(frozen=True)
class KeptTokens:
    """Tokens that `run --keep-audio` kept in a run directory, those of its clean rows."""

    run: Run
    systems: Mapping[str, Mapping[str, Any]]
    items: tuple[Item, ...]
    dataset: Mapping[str, Any]
    can_encode: bool = False

    @classmethod
    def of(cls, folder: Path) -> KeptTokens:
        """Reads what a run directory says.

        Raises:
            UsageError: It is not a finished run, or it kept no tokens.
        """
        run = load_run(folder)
        systems = {
            label: system
            for label, system in run.systems.items()
            if not system.get("condition") and (folder / "tokens" / slug(label)).is_dir()
        }
        if not systems:
            raise UsageError(f"{folder} has no tokens: make it with codec-bench run ... --keep-audio")
        return cls(run, systems, tuple(_items(run)), run.info["plan"]["dataset"])

    def tokens(self, system: str, item: Item) -> Tokens:
        """The tokens of an utterance."""
        path = self.run.kept("tokens", system, item.utterance.id)
        try:
            with np.load(io.BytesIO(read_file(path)), allow_pickle=False) as arrays:
                code = code_from_arrays(arrays)
        except FileNotFoundError:
            raise NotScorable(f"{path} does not exist", Status.MISSING) from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, ArithmeticError, zipfile.BadZipFile) as error:
            raise NotScorable(f"{path} cannot be read: {error}", Status.UNREADABLE) from error
        return _tokens(code)

    def changed(self, system: str, item: Item, change: str) -> Tokens:
        """Nothing: there is no codec."""
        raise NotScorable("kept tokens cannot be made again", Status.UNDEFINED)

    def embedding(self, system: str, item: Item) -> tuple[Floats, str]:
        """The mean of one-hot vectors."""
        return histogram_embedding(self.tokens(system, item)), "one-hot"

    def close(self) -> None:
        """Nothing is loaded."""


TokenSource = CodecTokens | KeptTokens
"""The tokens of systems, one utterance after the other."""


def _items(run: Run) -> list[Item]:
    """The utterances of a run directory, without their audio."""
    return [
        Item(Utterance(r["id"], Path(), r["text"] or None, r["speaker"] or None, r["language"] or None), r["sha256"])
        for r in run.utterances.to_dict("records")
    ]


def _tokens(code: Code) -> Tokens:
    """The tokens of a code; what has none is an outcome of this utterance."""
    try:
        return tokens_of(code)
    except CodecBenchError as error:
        raise NotScorable(str(error), Status.UNDEFINED) from error
