"""Where tokens come from: codecs that run here, or files that an earlier run kept."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from codec_bench.adapters.books import Books
from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import System
from codec_bench.coding.conditions import Condition
from codec_bench.coding.conditions.channel import heard_under
from codec_bench.coding.items import Item
from codec_bench.coding.local import local_dispatcher
from codec_bench.coding.part import parts_of_tokens
from codec_bench.coding.rows import Row
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.files import read_file
from codec_bench.fingerprint import address
from codec_bench.records import NotScorable, Status, Utterance
from codec_bench.runs.directory import Run, load_run, slug
from codec_bench.stats import Floats
from codec_bench.token_statistics.embedding_map import histogram_embedding
from codec_bench.token_statistics.stability import FASTER, NOISY, QUIETER, SHIFT, Reencoded, Slice, Sliced
from codec_bench.token_streams import tokens_of
from codec_bench.tokens import Code, Tokens, code_from_arrays


class CodecTokens:
    """Tokens of codecs, or of some of their codebooks; each recording is encoded once.

    Raises:
        UsageError: A system is no codec, or has no such codebooks.
    """

    can_encode = True

    def __init__(self, systems: Sequence[System], cache: Path, device: str, books: str = "") -> None:
        for system in systems:
            if not isinstance(system.source, Codec):
                raise UsageError(f"{system.label} has no tokens: audio that exists already was not encoded here")
        self._parts = {part.label: part for part in parts_of_tokens([Row(system) for system in systems], books)}
        self._described: dict[str, Mapping[str, Any]] = {}
        self._coding = local_dispatcher(cache, device)
        self._no_latents: set[str] = set()

    def identify(self) -> list[str]:
        """Finds out what plug-ins hold; see `Dispatcher.identify`. Before anything else."""
        return self._coding.identify([part.row.system for part in self._parts.values()])

    @property
    def systems(self) -> Mapping[str, Mapping[str, Any]]:
        """The systems by label, as `run.json` keeps them."""
        if not self._described:
            self._described = {name: part.describe() for name, part in self._parts.items()}
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
        for label, part in self._parts.items():
            try:
                part.of(self._code(part.row, item))
            except NotScorable:
                continue
            except UsageError as error:
                raise UsageError(f"{label} has no tokens to look at: {error}") from error

    def tokens(self, system: str, item: Item) -> Tokens:
        """The tokens of an utterance.

        Raises:
            NotScorable: There are none.
        """
        part = self._parts[system]
        return _tokens(self._code(part.row, item), part.of)

    def changed(self, system: str, item: Item, change: str) -> Tokens:
        """The tokens of an utterance after a change of `stability.CHANGES`; raises as `tokens` does."""
        part = self._parts[system]
        row = part.row
        if change == "reencode":
            assert isinstance(row.source, Codec), "the constructor looked"
            reason = "" if row.spec.decodes else f"{row.source.name} has no decoder"
            if row.codebooks is not None:
                reason = reason or row.source.cannot_decode(row.codebooks) or ""
            if reason:
                raise NotScorable(reason, Status.UNDEFINED)
            condition: Condition = Reencoded(
                identity=lambda i: self._coding.reconstructor.identity(row, i),
                decoded=lambda i: self._coding.audio(row, i),
            )
        elif change == "slice":
            condition = Sliced(rate=row.spec.input_rate, part=Slice.of(self.tokens(system, item), item.digest))
        else:
            condition = {"shift": SHIFT, "gain": QUIETER, "noise": NOISY, "speed": FASTER}[change]
        return _tokens(self._code(Row(row.system, condition), item), part.of)

    def embedding(self, system: str, item: Item) -> tuple[Floats, str]:
        """The mean of the codec's first latents, or of one-hot vectors where it offers none, and the name of these.

        Of some codebooks alone, the latents are those of the first of them.
        """
        tokens = self.tokens(system, item)
        if system not in self._no_latents:
            part = self._parts[system]
            try:
                found = self._coding.latents(part.row, item)
                name = next(iter(found)) if part.books is None else f"codebook_{part.numbers(len(found))[0]}"
                if name not in found:
                    raise UsageError(f"{system} has no vectors of {name} alone")
            except UsageError:
                self._no_latents.add(system)
            else:
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
    """Tokens that `run --keep-audio` kept in a run directory.

    Attributes:
        conditions: As `run.json` has them, those that the systems are under.
        warnings: Which rows were left out, and why.
    """

    run: Run
    systems: Mapping[str, Mapping[str, Any]]
    items: tuple[Item, ...]
    dataset: Mapping[str, Any]
    books: Books | None = None
    can_encode: bool = False
    conditions: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()

    @classmethod
    def of(cls, folder: Path, books: str = "") -> KeptTokens:
        """Reads what a run directory says; of `books` alone, unless these are empty.

        Raises:
            UsageError: It is not a finished run, it kept no tokens, or its systems have no such codebooks.
        """
        run = load_run(folder)
        kept = {name: system for name, system in run.systems.items() if (folder / "tokens" / slug(name)).is_dir()}
        if not kept:
            raise UsageError(f"{folder} has no tokens: make it with codec-bench run ... --keep-audio")
        items, dataset = tuple(_items(run)), run.info["plan"]["dataset"]
        source = cls(run, kept, items, dataset)
        out = {label: reason for label in kept if (reason := source._why_not(label))}
        warnings = [f"{label} is left out: {reason}" for label, reason in out.items()]
        if len(out) == len(kept):
            raise UsageError(f"{folder} has no tokens to look at: {warnings[0]}")
        systems = {label: system for label, system in kept.items() if label not in out}
        under = {system.get("condition") for system in systems.values()}
        conditions = [c for c in run.info["plan"].get("conditions", []) if c["label"] in under]
        made = replace(source, systems=systems, conditions=conditions, warnings=warnings)
        if not books:
            return made
        parts = [_part(system, books) for system in systems.values()]
        return replace(made, systems={part["label"]: part for part in parts}, books=Books(books))

    def _why_not(self, label: str) -> str:
        """Why a row has no tokens of its own; empty where it has some, or where nobody can tell before each is read."""
        condition = self.systems[label].get("condition") or ""
        if condition and (heard := heard_under(condition)) != condition:
            system = label.removesuffix(f"+{condition}")
            return f"its encoder sent the tokens of {f'{system}+{heard}' if heard else system}"
        found = [i for i in self.items if self.run.kept("tokens", label, i.utterance.id).is_file()]
        if not found:
            return "its recordings were coded in pieces, or with others, whose tokens are those of no utterance"
        try:
            self.tokens(label, found[0])
        except NotScorable as outcome:
            return outcome.reason if outcome.status is Status.UNDEFINED else ""
        return ""

    def tokens(self, system: str, item: Item) -> Tokens:
        """The tokens of an utterance."""
        described = self.systems[system]
        whole = str(described["of"] if self.books else system)
        path = self.run.kept("tokens", whole, item.utterance.id)
        try:
            with np.load(io.BytesIO(read_file(path)), allow_pickle=False) as arrays:
                code = code_from_arrays(arrays)
        except FileNotFoundError:
            raise NotScorable(f"{path} does not exist", Status.MISSING) from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, ArithmeticError, zipfile.BadZipFile) as error:
            raise NotScorable(f"{path} cannot be read: {error}", Status.UNREADABLE) from error
        tokens = _tokens(code)
        if self.books is None:
            return tokens
        return tokens.picked(self.books.of(len(tokens.streams), described["semantic_codebooks"], whole))

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


def _part(system: Mapping[str, Any], books: str) -> dict[str, Any]:
    """Some codebooks of a system, from what `run.json` says of it; their bitrate is counted.

    Raises:
        UsageError: It has no such codebooks.
    """
    semantic, count = system.get("semantic_codebooks", []), system.get("codebooks_used")
    if count:
        Books(books).of(count, semantic, system["label"])
    unknown = ("codebooks_used", "frame_rate_hz", "tokens_per_second", "nominal_bitrate", "stated_bitrate")
    return {
        **system,
        **dict.fromkeys(unknown),
        "label": f"{system['label']}[{books}]",
        "of": system["label"],
        "semantic_codebooks": semantic,
        "fingerprint": address(system=system["fingerprint"], books=books),
    }


def _tokens(code: Code, of: Callable[[Code], Tokens] = tokens_of) -> Tokens:
    """The tokens of a code; what has none is an outcome of this utterance."""
    try:
        return of(code)
    except CodecBenchError as error:
        raise NotScorable(str(error), Status.UNDEFINED) from error
