"""The columns of the table of a `tokens` run, and their values over the data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from codec_bench.runs.directory import describe_column
from codec_bench.token_statistics.analysis import AnalysisOptions, SystemResult
from codec_bench.token_statistics.zipf import fit_zipf

USE, ZIPF, DEPENDENCE, MODEL, STABILITY = (
    "Codebooks", "N-grams", "Dependence of codebooks", "Modelability", "Stability of tokens",
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        description: As `plan.metrics` keeps it.
        value: Its value over the data set, or None; None where the column is made of the utterances' scores.
    """

    description: Mapping[str, Any]
    value: Callable[[SystemResult], float | None] | None = None

    @property
    def label(self) -> str:
        """Version of the column."""
        return str(self.description["label"])


def columns_of(options: AnalysisOptions) -> list[Column]:
    """The columns that a run with these options has."""
    found = [
        _column(
            "utilisation", "used", USE, "higher", "%", 1, _utilisation,
            "entries that occur, out of all entries of all codebooks",
        ),
        _column(
            "normalised_entropy", "norm. entropy", USE, "higher", "", 3, _normalised_entropy,
            "entropy of single tokens out of log2 of the codebook size, mean over codebooks (Stable-Codec, A.8)",
        ),
        _column("dead", "dead entries", USE, "lower", "", 0, _dead,
                "entries of all codebooks that never occur"),
        _column("entropy_bitrate", "entropy", USE, "", "kbps", 3, None,
                "bitrate of ideal arithmetic coding of single tokens by their frequency in this data set"),
        _column("huffman_bitrate", "Huffman", USE, "", "kbps", 3, None,
                "bitrate with one Huffman code per codebook, made for this data set; the table itself is not counted"),
    ]  # fmt: skip
    tuples = "" if options.symbol_codebooks == 1 else f" (tuples of the first {options.symbol_codebooks} codebooks)"
    found += [
        _column(
            f"zipf[{n}]", "Zipf slope", ZIPF, "", "", 3, _slope_of(n),
            "" if n > 1 else f"slope of log frequency over log rank of n-grams, n in brackets, of the first "
            f"codebook{tuples}, or of words and phones; least squares over all ranks, types that occur once left out",
        )
        for n in range(1, options.longest + 1)
    ]  # fmt: skip
    found.append(
        _column(
            "mutual_information", "MI", DEPENDENCE, "", "bit", 3, _mean_information,
            f"mutual information of the tokens of one frame, mean over pairs of the first {options.pair_codebooks} "
            "codebooks, corrected after Miller and Madow",
        )
    )  # fmt: skip
    if options.model is not None and options.split is not None:
        m = options.model
        what = f"of {len(options.split.test)} test utterances, divided by {options.split.unit}"
        found += [
            _column("unigram_bitrate", "unigram", MODEL, "", "kbps", 3, None,
                    f"bitrate {what}, by the frequencies of the training part"),
            _column("lm_bitrate", "LM", MODEL, "", "kbps", 3, None,
                    f"bitrate {what}, by a GPT of {m.layers} layers of {m.width} channels after at most {m.steps} "
                    f"steps of {m.batch} x {m.context} tokens: what this budget reaches, not the tokens' entropy"),
            _column("lm_share", "LM of nominal", MODEL, "lower", "%", 1, None,
                    f"the same out of the payload bits {what}"),
        ]  # fmt: skip
    if options.stability:
        found += [
            _column(f"stability[{name}]", "equal tokens", STABILITY, "higher", "%", 1, None,
                    f"tokens that stay the same, all codebooks together: {what}")
            for name, what in (
                ("reencode", "decoded audio encoded again"),
                ("shift", "the recording 1 ms later"),
                ("gain", "the recording 6 dB quieter"),
            )
        ]  # fmt: skip
    return found


def _column(
    label: str,
    title: str,
    family: str,
    better: Literal["higher", "lower", ""],
    unit: str,
    digits: int,
    value: Callable[[SystemResult], float | None] | None,
    note: str,
) -> Column:
    described = describe_column(label, title, better=better, family=family, unit=unit, digits=digits, note=note)
    return Column(described, value)


def _utilisation(result: SystemResult) -> float | None:
    entries = sum(u.book.size for u in result.use)
    return 100 * sum(u.used for u in result.use) / entries if entries else None


def _dead(result: SystemResult) -> float | None:
    return float(sum(u.dead for u in result.use)) if result.use else None


def _normalised_entropy(result: SystemResult) -> float | None:
    values = [u.normalised_entropy for u in result.use if u.normalised_entropy is not None]
    return sum(values) / len(values) if values else None


def _slope_of(n: int) -> Callable[[SystemResult], float | None]:
    def slope(result: SystemResult) -> float | None:
        fit = fit_zipf(result.spectra[n - 1]) if len(result.spectra) >= n else None
        return fit.slope if fit is not None else None

    return slope


def _mean_information(result: SystemResult) -> float | None:
    values = [d.corrected for d in result.dependences]
    return sum(values) / len(values) if values else None
