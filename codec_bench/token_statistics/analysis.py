"""One system over a data set: everything that its tokens say, in two passes over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from codec_bench.coding.items import Item
from codec_bench.records import NotScorable, Ratio, Score, Status
from codec_bench.stats import Floats
from codec_bench.token_statistics.codebook_use import CodebookCounts, CodebookUse, coded_bits
from codec_bench.token_statistics.key_counts import MEMORY, Spectrum
from codec_bench.token_statistics.language_model import ModelResult, ModelSettings, model_tokens
from codec_bench.token_statistics.mutual_information import FIRST, Dependence, PairCounts
from codec_bench.token_statistics.ngrams import LONGEST, NgramCounts, text_symbols, token_symbols
from codec_bench.token_statistics.sources import TokenSource
from codec_bench.token_statistics.split import Split
from codec_bench.token_statistics.stability import CHANGES, Stability, equal_tokens
from codec_bench.token_statistics.token_sequence import Sequence as TokenSequence
from codec_bench.token_statistics.token_sequence import flattened

StageProgress = Callable[[str, int], None]
"""Called with what is going on, and how many utterances were finished since."""


@dataclass(frozen=True)
class AnalysisOptions:
    """What is looked at.

    Attributes:
        longest: Length of the longest n-grams.
        symbol_codebooks: an n-gram's symbols are tuples of the first this many codebooks.
        pair_codebooks: mutual information is computed between pairs of the first this many codebooks.
        memory: Keys that each counter holds in memory.
        model: Recipe of the language model; None for none.
        split: Which utterances it learns from and is tested on; None for none.
        stability: Indices of the utterances whose changed audio is encoded.
        mapped: Indices of the utterances on the embedding map.
        device: Where the language model runs.
        cache: Folder of the caches.
    """

    longest: int = LONGEST
    symbol_codebooks: int = 1
    pair_codebooks: int = FIRST
    memory: int = MEMORY
    model: ModelSettings | None = None
    split: Split | None = None
    stability: tuple[int, ...] = ()
    mapped: tuple[int, ...] = ()
    device: str = "cpu"
    cache: Path | None = None


class ColumnScores:
    """The scores of one column, one per utterance, without an object for each.

    Args:
        expected: Indices of the utterances that should have a score, in order.
        scale: 100 for percent, 0.001 for kbit/s.
    """

    def __init__(self, expected: Sequence[int], scale: float = 1.0) -> None:
        self.expected = np.array(expected, np.int64)
        self.scale = scale
        self._places = {index: place for place, index in enumerate(expected)}
        self._parts = np.full((len(expected), 2), np.nan)
        self._failed: dict[int, Score] = {}

    def put(self, index: int, score: Score) -> None:
        """Keeps the score of an utterance; its own scale is replaced by that of the column."""
        if score.value is None:
            self._failed[index] = score
        else:
            self._parts[self._places[index]] = score.numerator, score.denominator

    def has_failed(self, index: int) -> bool:
        """Whether an utterance has a status instead of a value."""
        return index in self._failed

    def find(self, index: int) -> Score | None:
        """The score of an utterance, or None if none is expected."""
        return self.get(index) if index in self._places else None

    def get(self, index: int) -> Score:
        """The score of an utterance that was put."""
        if index in self._failed:
            return self._failed[index]
        numerator, denominator = self._parts[self._places[index]].tolist()
        return Score(Status.OK, "", numerator, denominator, self.scale)


@dataclass
class SystemResult:
    """What was found about a system.

    Attributes:
        counted: Utterances whose tokens were counted.
        use: Use of each codebook.
        spectra: Spectra of n-grams, from n = 1 on.
        dependences: Dependence between pairs of codebooks.
        stability: Per change and codebook: the share of equal tokens, and the number of tokens.
        scores: Per column, the utterances' scores.
        model: Results of the language model.
        vectors: Mean embeddings by the index of the utterance.
        embedding: What they are the mean of.
        bits: Payload bits of all utterances.
        seconds: The time that all tokens last.
    """

    counted: int = 0
    use: list[CodebookUse] = field(default_factory=list)
    spectra: list[Spectrum] = field(default_factory=list)
    dependences: list[Dependence] = field(default_factory=list)
    stability: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    scores: dict[str, ColumnScores] = field(default_factory=dict)
    model: ModelResult | None = None
    vectors: dict[int, Floats] = field(default_factory=dict)
    embedding: str = ""
    bits: float = 0.0
    seconds: float = 0.0

    def payload(self) -> tuple[float, float]:
        """Payload bits, and the seconds that they last."""
        return self.bits, self.seconds


def analyse(
    source: TokenSource, system: str, items: Sequence[Item], options: AnalysisOptions, progress: StageProgress
) -> SystemResult:
    """Looks at the tokens of a system.

    Memory does not grow with the number of utterances, but for a few numbers each and what the options limit: the
    utterances of the language model and those on the map.

    Args:
        source: Where tokens come from; asked twice for each utterance.
        system: Label of the system.
        items: The utterances.
        options: What is looked at.
        progress: Told of every finished utterance.
    """
    result = SystemResult()
    sequences = _count(source, system, items, options, result, progress)
    _code_by_frequency(source, system, items, result, progress)
    if options.model is not None and options.split is not None:
        _model(system, options.model, options.split, sequences, options, result, progress)
    for change in CHANGES if options.stability else ():
        _compare(source, system, items, options.stability, change, result, progress)
    for index in options.mapped:
        with suppress(NotScorable):  # its status is that of the columns that count tokens
            result.vectors[index], result.embedding = source.embedding(system, items[index])
        progress(f"{system}: embeddings", 1)
    return result


def count_text(streams: Iterable[Sequence[str]], longest: int) -> list[Spectrum]:
    """The spectra of the n-grams of words or phones, one stream per utterance."""
    ngrams = NgramCounts(longest)
    for stream in streams:
        if stream:
            ngrams.add(*text_symbols(stream))
    return ngrams.spectra()


def _count(
    source: TokenSource,
    system: str,
    items: Sequence[Item],
    options: AnalysisOptions,
    result: SystemResult,
    progress: StageProgress,
) -> dict[int, TokenSequence]:
    """The first pass. Returns the sequences that the language model needs."""
    counts = CodebookCounts()
    ngrams = NgramCounts(options.longest, options.memory)
    pairs = PairCounts(options.pair_codebooks, options.memory)
    split = options.split
    wanted = {*split.train, *split.development, *split.test} if split and options.model else set()
    sequences = {}
    everything = range(len(items))
    result.scores = {
        "entropy_bitrate": ColumnScores(everything, 0.001),
        "huffman_bitrate": ColumnScores(everything, 0.001),
    }
    try:
        for index, item in enumerate(items):
            try:
                tokens = source.tokens(system, item)
                counts.add(tokens)
            except NotScorable as outcome:
                for column in result.scores.values():
                    column.put(index, Score.failed(outcome.status, outcome.reason))
            else:
                ngrams.add(*token_symbols(tokens, options.symbol_codebooks))
                pairs.add(tokens)
                result.counted += 1
                result.bits += tokens.bits
                result.seconds += tokens.seconds
                if index in wanted:
                    sequences[index] = flattened(tokens)
            progress(f"{system}: counting", 1)
        result.use = counts.use()
        result.spectra = ngrams.spectra()
        result.dependences = list(pairs.dependences())
    finally:
        ngrams.close()
        pairs.close()
    return sequences


def _code_by_frequency(
    source: TokenSource, system: str, items: Sequence[Item], result: SystemResult, progress: StageProgress
) -> None:
    """The second pass: what each utterance would take, coded by the frequencies of the whole data set."""
    ideal, huffman = result.scores["entropy_bitrate"], result.scores["huffman_bitrate"]
    for index, item in enumerate(items):
        if not ideal.has_failed(index):
            try:
                tokens = source.tokens(system, item)
                bits = coded_bits(tokens, result.use)
            except NotScorable as outcome:
                for column in (ideal, huffman):
                    column.put(index, Score.failed(outcome.status, outcome.reason))
            else:
                for column, number in zip((ideal, huffman), bits, strict=True):
                    column.put(index, _rate(number, tokens.seconds))
        progress(f"{system}: coding by frequency", 1)


def _model(
    system: str,
    settings: ModelSettings,
    split: Split,
    sequences: dict[int, TokenSequence],
    options: AnalysisOptions,
    result: SystemResult,
    progress: StageProgress,
) -> None:
    """The language model and its baseline on the test utterances."""
    train, development, test = (
        [i for i in part if i in sequences and len(sequences[i].symbols)]
        for part in (split.train, split.development, split.test)
    )
    columns = {
        "lm_bitrate": ColumnScores(split.test, 0.001),
        "unigram_bitrate": ColumnScores(split.test, 0.001),
        "lm_share": ColumnScores(split.test, 100),
    }
    result.scores |= columns
    counted = result.scores["entropy_bitrate"]
    for index in set(split.test) - set(test):
        for column in columns.values():
            column.put(index, counted.get(index))
    if not (train and development and test):
        for index in test:
            for column in columns.values():
                column.put(index, Score.failed(Status.UNDEFINED, "there is nothing to learn from"))
        return
    made = 0

    def told(steps: int) -> None:
        nonlocal made
        made += steps
        progress(f"{system}: language model, step {made} of {settings.steps}", 0)

    learnt, watched, measured = ([sequences[i] for i in part] for part in (train, development, test))
    sizes = [u.book.size for u in result.use]
    cache = options.cache / "language_models" if options.cache is not None else None
    result.model = model_tokens(
        sizes, learnt, watched, measured, settings, device=options.device, cache=cache, progress=told
    )
    costs = np.array([u.book.bits for u in result.use])
    for place, index in enumerate(test):
        sequence = sequences[index]
        bits, unigram = result.model.bits[place], result.model.unigram_bits[place]
        columns["lm_bitrate"].put(index, _rate(bits, sequence.seconds))
        columns["unigram_bitrate"].put(index, _rate(unigram, sequence.seconds))
        columns["lm_share"].put(index, _rate(bits, float(costs[sequence.books].sum())))


def _compare(
    source: TokenSource,
    system: str,
    items: Sequence[Item],
    wanted: Sequence[int],
    change: str,
    result: SystemResult,
    progress: StageProgress,
) -> None:
    """Token stability under one change."""
    column = result.scores[f"stability[{change}]"] = ColumnScores(wanted, 100)
    together = Stability()
    for index in wanted:
        try:
            equal, total = equal_tokens(
                source.tokens(system, items[index]), source.changed(system, items[index], change)
            )
        except NotScorable as outcome:
            column.put(index, Score.failed(outcome.status, outcome.reason))
        else:
            together.add(equal, total)
            column.put(index, _rate(float(equal.sum()), float(total.sum())))
        progress(f"{system}: stability, {CHANGES[change]}", 1)
    result.stability[change] = together.shares()


def _rate(numerator: float, denominator: float) -> Score:
    return Score.of(Ratio(numerator, denominator))
