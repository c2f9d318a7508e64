"""The columns of the table of a `tokens` run, and their values over the data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codec_bench.runs.columns import ColumnSpec
from codec_bench.token_statistics.analysis import AnalysisOptions, SystemResult
from codec_bench.token_statistics.codebook_use import CodebookUse
from codec_bench.token_statistics.ngrams import LONGEST
from codec_bench.token_statistics.stability import BY_EDITS, BY_POSITION, CHANGES
from codec_bench.token_statistics.zipf import fit_zipf

USE, ZIPF, DEPENDENCE, MODEL, STABILITY = (
    "Codebooks", "N-grams", "Dependence of codebooks", "Modelability", "Stability of tokens",
)  # fmt: skip


@dataclass(frozen=True)
class TokenColumn(ColumnSpec):
    """A column of a `tokens` run; it has no `value` of its own where it is made of the utterances' scores."""

    value: Callable[[SystemResult], float | None] | None = None


def columns_of(options: AnalysisOptions) -> list[TokenColumn]:
    """The columns that a run with these options has."""
    found = [
        TokenColumn("utilisation", "used", USE, "higher", "%", 1,
                    "entries that occur, out of all entries of all codebooks",
                    _of_codebooks(lambda use: 100 * sum(u.used for u in use) / sum(u.book.size for u in use))),
        TokenColumn("normalised_entropy", "norm. entropy", USE, "higher", "", 3,
                    "entropy of single tokens out of log2 of the codebook size, mean over codebooks (Stable-Codec, "
                    "A.8)",
                    lambda r: _mean([e for u in r.use if (e := u.normalised_entropy) is not None])),
        TokenColumn("dead", "dead entries", USE, "lower", "", 0,
                    "entries of all codebooks that never occur", _of_codebooks(lambda use: sum(u.dead for u in use))),
        TokenColumn("entropy_bitrate", "entropy", USE, "", "kbps", 3,
                    "bitrate of ideal arithmetic coding of single tokens by their frequency in this data set"),
        TokenColumn("huffman_bitrate", "Huffman", USE, "", "kbps", 3,
                    "bitrate with one Huffman code per codebook, made for this data set; the table itself is not "
                    "counted"),
    ]  # fmt: skip
    tuples = "" if options.symbol_codebooks == 1 else f" (tuples of the first {options.symbol_codebooks} codebooks)"
    slope = (
        f"slope of log frequency over log rank of n-grams, n in brackets, of the first codebook{tuples}, or of words "
        "and phones; least squares over all ranks, types that occur once left out"
    )
    found += [
        TokenColumn(f"zipf[{n}]", "Zipf slope", ZIPF, note="" if n > 1 else slope, value=_slope_of(n))
        for n in range(1, LONGEST + 1)
    ]
    found.append(
        TokenColumn("mutual_information", "MI", DEPENDENCE, "", "bit", 3,
                    "mutual information of the tokens of one frame, mean over pairs of the first "
                    f"{options.pair_codebooks} codebooks, corrected after Miller and Madow",
                    lambda r: _mean([d.corrected for d in r.dependences]))
    )  # fmt: skip
    if options.model is not None and options.split is not None:
        m = options.model
        what = f"of {len(options.split.test)} test utterances, divided by {options.split.unit}"
        found += [
            TokenColumn("unigram_bitrate", "unigram", MODEL, "", "kbps", 3,
                        f"bitrate {what}, by the frequencies of the training part"),
            TokenColumn("lm_bitrate", "LM", MODEL, "", "kbps", 3,
                        f"bitrate {what}, by a GPT of {m.layers} layers of {m.width} channels after at most {m.steps} "
                        f"steps of {m.batch} x {m.context} tokens: what this budget reaches, not the tokens' entropy"),
            TokenColumn("lm_share", "LM of nominal", MODEL, "lower", "%", 1,
                        f"the same out of the payload bits {what}"),
        ]  # fmt: skip
    if options.stability:
        found += [
            TokenColumn(f"stability[{name}]", "equal tokens", STABILITY, "higher", "%", 1,
                        f"tokens that stay the same, all codebooks together: {what}")
            for name, what in CHANGES.items() if name in BY_POSITION
        ]  # fmt: skip
        found += [
            TokenColumn(f"ued[{name}]", "unit edit distance", STABILITY, "lower", "%", 1,
                        f"insertions, deletions and substitutions out of the tokens before: {CHANGES[name]}")
            for name in BY_EDITS
        ]  # fmt: skip
    return found


def _of_codebooks(value: Callable[[list[CodebookUse]], float]) -> Callable[[SystemResult], float | None]:
    """Words and phones have none."""
    return lambda result: float(value(result.use)) if result.use else None


def _slope_of(n: int) -> Callable[[SystemResult], float | None]:
    def slope(result: SystemResult) -> float | None:
        fit = fit_zipf(result.spectra[n - 1]) if len(result.spectra) >= n else None
        return fit.slope if fit is not None else None

    return slope


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
