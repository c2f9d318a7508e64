"""Carries out `codec-bench tokens`: from names to a run directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from codec_bench.adapters.systems import parse_systems, ready
from codec_bench.coding.devices import check_device
from codec_bench.coding.items import Item, describe_dataset, describe_items, manifest_of, resolve_items
from codec_bench.coding.rows import describe_reference
from codec_bench.coding.verified import ensure_verified
from codec_bench.datasets.loading import load_dataset
from codec_bench.datasets.parts import Part
from codec_bench.errors import UsageError
from codec_bench.fingerprint import address
from codec_bench.grids import Grid
from codec_bench.hub import caches
from codec_bench.identity import new_invocation
from codec_bench.metrics.text import basic
from codec_bench.records import Utterance
from codec_bench.runs.directory import Run
from codec_bench.runs.frames import describe_intervals, score_frame, summary_frame
from codec_bench.runs.progress import RunProgress
from codec_bench.runs.writer import Request, same, writing
from codec_bench.stats import cluster_unit
from codec_bench.token_statistics.analysis import AnalysisOptions, SystemResult, analyse, count_text
from codec_bench.token_statistics.columns import columns_of
from codec_bench.token_statistics.config import TokensConfig
from codec_bench.token_statistics.embedding_map import check_method, label_column
from codec_bench.token_statistics.language_model import ModelSettings
from codec_bench.token_statistics.results import cautions, coverage, scores_of, summary_of, write_tables
from codec_bench.token_statistics.sources import CodecTokens, KeptTokens, TokenSource
from codec_bench.token_statistics.split import drawn, split_by_speaker
from codec_bench.token_statistics.stability import CHANGES
from codec_bench.token_statistics.transcripts import PHONES, WORDS, phones_of, phones_problem, words_of

MAX_FAILED = 0.05

DECISIVE = ("symbol_codebooks", "pair_codebooks", "lm", "lm_steps", "stability", "map_method", "map_utterances")
"""Options that decide what comes out and that the plan does not show."""

MODEL_TRAIN = 1000
MODEL_TEST = 100


@dataclass
class _Work:
    """What is looked at."""

    source: TokenSource
    items: tuple[Item, ...]
    dataset: Mapping[str, Any]
    conditions: Sequence[Mapping[str, Any]] = ()
    warnings: list[str] = field(default_factory=list)


def run_tokens(config: TokensConfig) -> Run:
    """Looks at the tokens of codecs and writes a run directory.

    Codes and the results of language models are kept by content, so that repeating the command after a kill continues.

    Raises:
        UsageError: Something in the request cannot be done.
        CodecBenchError: The run had to stop.
    """
    with caches(fresh=config.no_cache) as cache:
        return _run_tokens(config, cache)


def _run_tokens(config: TokensConfig, cache: Path) -> Run:
    check_device(config.device)
    new_invocation()
    work = _from_files(config) if config.tokens is not None else _from_codecs(config, cache)
    options, label, method = _options(config, work, cache)
    texts = _texts(work)
    columns = columns_of(options)
    of_transcripts = {
        name: describe_reference(name, f"{name} of the transcripts", address(text=name, normaliser=basic.fingerprint))
        for name in texts
    }
    systems = of_transcripts | dict(work.source.systems)
    plan = {
        "dataset": work.dataset,
        "systems": list(systems.values()),
        "conditions": list(work.conditions),
        "metrics": [column.describe() for column in columns],
        "seed": config.seed,
        "label": label,
    }
    asked = config.describe()
    request = Request(
        kind="tokens",
        config=asked,
        plan=plan,
        manifest=manifest_of(work.items),
        difference=same(plan, {name: asked[name] for name in DECISIVE}),
        name=("tokens", *work.source.systems, str(work.dataset["name"])),
        warnings=work.warnings,
    )
    with writing(request, config.out or request.default_folder()) as writer:
        found = _analyse(work, options)
        of_texts = {name: SystemResult(counted=count, spectra=spectra) for name, (count, spectra) in texts.items()}
        write_tables(writer.path, of_texts | found, work.items, label, method, config.seed)
        writer.results(
            score_frame(scores_of(found, work.items)),
            summary_frame(summary_of(systems, of_texts | found, columns, work.items)),
        )
        writer.warn(cautions(of_texts | found, columns))
        return writer.finish(
            intervals=describe_intervals([i.utterance.speaker for i in work.items]),
            coverage=coverage(found, work.items, MAX_FAILED),
            language_models={
                name: {"best_step": r.model.steps, "train_tokens": r.model.train_tokens, "device": r.model.device}
                for name, r in found.items()
                if r.model is not None
            },
            devices=getattr(work.source, "devices", {}),
        )


def _from_codecs(config: TokensConfig, cache: Path) -> _Work:
    """Codecs that encode a data set."""
    if not config.codec:
        raise UsageError("name codecs with --codec, or a run directory with kept tokens with --tokens")
    warnings: list[str] = []
    loaded = load_dataset(config.dataset, data_root=config.data_root, audio_root=config.audio_root)
    systems = parse_systems(config.codec, config.codebooks, needs_audio=False, sweeps=config.books is None)
    source = CodecTokens(systems, cache, config.device, config.books or "")
    ready(systems)
    ensure_verified(systems, config)
    warnings += source.identify()
    selected = resolve_items(loaded, warnings, part=Part(config.limit, config.sample, config.seed))
    items = selected.items
    source.check(next(i for i in items if not i.problem))
    return _Work(source, items, describe_dataset(loaded, items, selected.sample), warnings=warnings)


def _from_files(config: TokensConfig) -> _Work:
    """Tokens that a run kept."""
    assert config.tokens is not None, "the caller looked"
    if config.codec or config.codebooks:
        raise UsageError("--tokens comes with its own systems: leave out --codec and --codebooks")
    source = KeptTokens.of(config.tokens, config.books or "")
    part, utterances = Part(config.limit, config.sample, config.seed), [item.utterance for item in source.items]
    items = tuple(source.items[place] for place in part.places(utterances))
    # A part of a sample is a sample of what the run has, or its first utterances.
    whole = {name: fact for name, fact in source.dataset.items() if name != "sample" or len(items) == len(utterances)}
    warnings = list(filter(None, [*source.warnings, part.warning(utterances)]))
    dataset = whole | describe_items(items) | part.describe(utterances)
    return _Work(source, items, dataset, source.conditions, warnings)


def _options(config: TokensConfig, work: _Work, cache: Path) -> tuple[AnalysisOptions, str | None, str]:
    """What is looked at, the label of the map, and how the map is made."""
    items = work.items
    model = replace(ModelSettings(), steps=config.lm_steps, seed=config.seed) if config.lm else None
    split = split_by_speaker(items, config.seed, MODEL_TRAIN, MODEL_TEST) if model is not None else None
    if model is not None and split is None:
        work.warnings.append("no language model: it takes three utterances at least")
    elif split is not None and split.unit == "utterances":
        work.warnings.append(
            "the language model is tested on other utterances than it learnt from, but not on other speakers: fewer "
            "than three are known"
        )
    if split is not None:
        test_unit = cluster_unit([items[i].utterance.speaker for i in split.test])
        if test_unit != cluster_unit([i.utterance.speaker for i in items]):
            work.warnings.append(f"intervals of the language model are over {test_unit}: its test part has one speaker")
    stability: list[int] = []
    if config.stability and work.source.can_encode:
        stability = sorted(drawn(items, config.stability, config.seed, "stability"))
    elif config.stability:
        work.warnings.append("no stability of tokens: kept tokens cannot be made again")
    label, method = None, check_method(config.map_method)
    mapped: list[int] = []
    if method != config.map_method:
        work.warnings.append("the map is of principal components; for t-SNE: pip install 'codec-bench[maps]'")
    if method != "none":
        label = label_column([i.utterance for i in items], config.label)
        mapped = sorted(drawn(items, config.map_utterances, config.seed, "map"))
    options = AnalysisOptions(
        symbol_codebooks=config.symbol_codebooks,
        pair_codebooks=config.pair_codebooks,
        model=model,
        split=split,
        stability=tuple(stability),
        mapped=tuple(mapped),
        device="cpu" if config.device == "auto" else config.device,
        cache=cache,
    )
    return options, label, method


def _texts(work: _Work) -> dict[str, tuple[int, list[Any]]]:
    """Transcripts that were counted and spectra of n-grams, of words and of phones where there are transcripts."""
    found = {}
    streams: dict[str, Callable[[Utterance], list[str]]] = {WORDS: words_of}
    if any(i.utterance.text for i in work.items):
        problem = phones_problem()
        if problem is None:
            streams[PHONES] = phones_of
        else:
            work.warnings.append(f"no phones of the transcripts: {problem}")
    for name, stream in streams.items():
        counted = sum(1 for i in work.items if stream(i.utterance))
        if counted:
            found[name] = (counted, count_text(stream(i.utterance) for i in work.items))
    return found


def _analyse(work: _Work, options: AnalysisOptions) -> dict[str, SystemResult]:
    """Looks at each system, one after the other."""
    each = 2 * len(work.items) + len(CHANGES) * len(options.stability) + len(options.mapped)
    results = {}
    with RunProgress(each * len(work.source.systems), "recordings") as progress:

        def told(stage: str, utterances: int) -> None:
            progress.stage(stage)
            progress.advance(utterances)

        try:
            for system in work.source.systems:
                results[system] = analyse(work.source, system, work.items, options, told)
        finally:
            work.source.close()
    return results


def codebook_grid(run: Run) -> Grid:
    """The codebooks of a run, for people; `codebooks.csv` has all of them."""
    headings = (
        "system", "codebook", "size", "used", "dead", "norm. entropy", "perplexity", "entropy bit", "Huffman bit",
    )  # fmt: skip
    rows = [
        (
            str(r["system"]), str(r["codebook"]), str(r["size"]), f"{100 * r['utilisation']:.1f} %", str(r["dead"]),
            f"{r['normalised_entropy']:.3f}", f"{r['perplexity']:.1f}", f"{r['entropy_bits']:.3f}",
            f"{r['huffman_bits']:.3f}",
        )
        for r in run.table("codebooks.csv").to_dict("records")
    ]  # fmt: skip
    return Grid(headings, rows, "Codebooks", right=range(1, len(headings)), whole=(0,))
