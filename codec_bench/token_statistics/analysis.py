"""One system over a data set: everything that its tokens say, in two passes over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from codec_bench.coding.items import Item
from codec_bench.records import NotScorable, Ratio, Score, Status
from codec_bench.stats import Floats
from codec_bench.token_statistics.codebook_use import CodebookCounts, CodebookUse, coded_bits
from codec_bench.token_statistics.key_counts import Spectrum
from codec_bench.token_statistics.language_model import ModelResult, ModelSettings, model_tokens
from codec_bench.token_statistics.mutual_information import FIRST, Dependence, PairCounts
from codec_bench.token_statistics.ngrams import NgramCounts, text_symbols, token_symbols
from codec_bench.token_statistics.sources import TokenSource
from codec_bench.token_statistics.split import Split
from codec_bench.token_statistics.stability import BY_EDITS, BY_POSITION, CHANGES, Slice, edits, equal_tokens
from codec_bench.token_statistics.token_sequence import Sequence as TokenSequence
from codec_bench.token_statistics.token_sequence import flattened
from codec_bench.tokens import IntArray, Tokens

StageProgress = Callable[[str, int], None]
"""Called with what is going on, and how many utterances were finished since."""

BY_FREQUENCY = ("entropy_bitrate", "huffman_bitrate")
BY_MODEL = ("lm_bitrate", "unigram_bitrate", "lm_share")
"""Columns that are made of utterances."""

KBPS, PERCENT = 0.001, 100


@dataclass(frozen=True)
class AnalysisOptions:
    """What is looked at.

    Attributes:
        symbol_codebooks: an n-gram's symbols are tuples of the first this many codebooks.
        pair_codebooks: mutual information is computed between pairs of the first this many codebooks.
        model: Recipe of the language model; None for none.
        split: Which utterances it learns from and is tested on; None for none.
        stability: Indices of the utterances whose changed audio is encoded.
        mapped: Indices of the utterances on the embedding map.
        device: Where the language model runs.
        cache: Folder of the caches.
    """

    symbol_codebooks: int = 1
    pair_codebooks: int = FIRST
    model: ModelSettings | None = None
    split: Split | None = None
    stability: tuple[int, ...] = ()
    mapped: tuple[int, ...] = ()
    device: str = "cpu"
    cache: Path | None = None


@dataclass
class SystemResult:
    """What was found about a system.

    Attributes:
        counted: Utterances whose tokens were counted.
        use: Use of each codebook.
        spectra: Spectra of n-grams, from n = 1 on.
        dependences: Dependence between pairs of codebooks.
        stability: Per change and codebook: the share of equal tokens, and the number of tokens.
        edits: Per change and codebook: the unit edit distance, and the number of tokens before.
        scores: Per column, the scores of the utterances that should have one, by index.
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
    edits: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    scores: dict[str, dict[int, Score]] = field(default_factory=dict)
    model: ModelResult | None = None
    vectors: dict[int, Floats] = field(default_factory=dict)
    embedding: str = ""
    bits: float = 0.0
    seconds: float = 0.0

    def payload(self) -> tuple[float, float]:
        """Payload bits, and the seconds that they last."""
        return self.bits, self.seconds

    def put(self, columns: Iterable[str], index: int, score: Score) -> None:
        """Keeps the score of an utterance in some columns."""
        for column in columns:
            self.scores.setdefault(column, {})[index] = score


def analyse(
    source: TokenSource, system: str, items: Sequence[Item], options: AnalysisOptions, progress: StageProgress
) -> SystemResult:
    """Looks at the tokens of a system, each utterance's twice.

    Memory does not grow with the number of utterances, but for a few numbers each and what the options limit: the
    utterances of the language model and those on the map.
    """
    analysis = _Analysis(source, system, items, options, progress)
    sequences = analysis.count()
    analysis.code_by_frequency()
    if options.model is not None and options.split is not None:
        analysis.model(options.model, options.split, sequences)
    for change in CHANGES if options.stability else ():
        analysis.compare(change)
    analysis.embed()
    return analysis.result


def count_text(streams: Iterable[Sequence[str]]) -> list[Spectrum]:
    """The spectra of the n-grams of words or phones, one stream per utterance."""
    ngrams = NgramCounts()
    for stream in streams:
        if stream:
            ngrams.add(*text_symbols(stream))
    return ngrams.spectra()


@dataclass
class _Analysis:
    """The steps of `analyse`; each fills its part of the result."""

    source: TokenSource
    system: str
    items: Sequence[Item]
    options: AnalysisOptions
    progress: StageProgress
    result: SystemResult = field(default_factory=SystemResult)

    def told(self, stage: str, utterances: int = 1) -> None:
        self.progress(f"{self.system}: {stage}", utterances)

    def count(self) -> dict[int, TokenSequence]:
        """The first pass; gives the sequences that the language model needs."""
        result, options, split = self.result, self.options, self.options.split
        counts, ngrams, pairs = CodebookCounts(), NgramCounts(), PairCounts(options.pair_codebooks)
        wanted = {*split.train, *split.development, *split.test} if split and options.model else set()
        sequences = {}
        with closing(ngrams), closing(pairs):
            for index, item in enumerate(self.items):
                try:
                    tokens = self.source.tokens(self.system, item)
                    counts.add(tokens)
                except NotScorable as outcome:
                    result.put(BY_FREQUENCY, index, Score.failed(outcome.status, outcome.reason))
                else:
                    ngrams.add(*token_symbols(tokens, options.symbol_codebooks))
                    pairs.add(tokens)
                    result.counted += 1
                    result.bits += tokens.bits
                    result.seconds += tokens.seconds
                    if index in wanted:
                        sequences[index] = flattened(tokens)
                self.told("counting")
            result.use = counts.use()
            result.spectra = ngrams.spectra()
            result.dependences = list(pairs.dependences())
        return sequences

    def code_by_frequency(self) -> None:
        """The second pass: what each utterance would take, coded by the frequencies of the whole data set."""
        failed = set(self.result.scores.get(BY_FREQUENCY[0], ()))
        for index, item in enumerate(self.items):
            if index not in failed:
                try:
                    tokens = self.source.tokens(self.system, item)
                    bits = coded_bits(tokens, self.result.use)
                except NotScorable as outcome:
                    self.result.put(BY_FREQUENCY, index, Score.failed(outcome.status, outcome.reason))
                else:
                    for column, number in zip(BY_FREQUENCY, bits, strict=True):
                        self.result.put([column], index, Score.of(Ratio(number, tokens.seconds), KBPS))
            self.told("coding by frequency")

    def model(self, settings: ModelSettings, split: Split, sequences: dict[int, TokenSequence]) -> None:
        """The language model and its baseline on the test utterances."""
        result, options = self.result, self.options
        train, development, test = (
            [i for i in part if i in sequences and len(sequences[i].symbols)]
            for part in (split.train, split.development, split.test)
        )
        for index in set(split.test) - set(test):
            result.put(BY_MODEL, index, result.scores[BY_FREQUENCY[0]][index])
        if not (train and development and test):
            for index in test:
                result.put(BY_MODEL, index, Score.failed(Status.UNDEFINED, "there is nothing to learn from"))
            return
        made = 0

        def told(steps: int) -> None:
            nonlocal made
            made += steps
            self.told(f"language model, step {made} of {settings.steps}", 0)

        learnt, watched, measured = ([sequences[i] for i in part] for part in (train, development, test))
        sizes = [u.book.size for u in result.use]
        cache = options.cache / "language_models" if options.cache is not None else None
        found = result.model = model_tokens(
            sizes, learnt, watched, measured, settings, device=options.device, cache=cache, progress=told
        )
        costs = np.array([u.book.bits for u in result.use])
        for index, sequence, bits, unigram in zip(test, measured, found.bits, found.unigram_bits, strict=True):
            nominal = float(costs[sequence.books].sum())
            result.put(["lm_bitrate"], index, Score.of(Ratio(bits, sequence.seconds), KBPS))
            result.put(["unigram_bitrate"], index, Score.of(Ratio(unigram, sequence.seconds), KBPS))
            result.put(["lm_share"], index, Score.of(Ratio(bits, nominal), PERCENT))

    def compare(self, change: str) -> None:
        """Token stability under one change: by position, by edits, or both."""
        together: dict[str, list[tuple[IntArray, IntArray]]] = {}
        wanted = {
            name: count
            for name, count, changes in (("stability", equal_tokens, BY_POSITION), ("ued", edits, BY_EDITS))
            if change in changes
        }
        for index in self.options.stability:
            item = self.items[index]
            try:
                one, two = self._before_and_after(item, change)
            except NotScorable as outcome:
                self.result.put(
                    [f"{name}[{change}]" for name in wanted], index, Score.failed(outcome.status, outcome.reason)
                )
            else:
                for name, count in wanted.items():
                    found, total = count(one, two)
                    together.setdefault(name, []).append((found, total))
                    share = Score.of(Ratio(float(found.sum()), float(total.sum())), PERCENT)
                    self.result.put([f"{name}[{change}]"], index, share)
            self.told(f"stability, {CHANGES[change]}")
        for name, kept in (("stability", self.result.stability), ("ued", self.result.edits)):
            if name in wanted:
                sums = np.sum(together[name], axis=0).T.tolist() if name in together else []
                kept[change] = [(found / total, total) for found, total in sums if total]

    def _before_and_after(self, item: Item, change: str) -> tuple[Tokens, Tokens]:
        """The tokens of an utterance, and those after a change, of the same part of it."""
        before = self.source.tokens(self.system, item)
        after = self.source.changed(self.system, item, change)
        if change != "slice":
            return before, after
        part = Slice.of(before, item.digest)
        return part.cut(before), part.alone(after)

    def embed(self) -> None:
        """The vectors of the map."""
        for index in self.options.mapped:
            with suppress(NotScorable):  # its status is that of the columns that count tokens
                self.result.vectors[index], self.result.embedding = self.source.embedding(
                    self.system, self.items[index]
                )
            self.told("embeddings")
