"""The stage of a run in which learned models are applied to many signals at once, one model at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from codec_bench.audio import Audio
from codec_bench.cache import ArrayCache
from codec_bench.coding.batching import by_length, halved, parts
from codec_bench.metrics.model import Model, ModelOutput, entry_of, run_model
from codec_bench.metrics.signal import Feature, feature_address
from codec_bench.records import NotScorable, Status

logger = logging.getLogger(__name__)

AT_ONCE = 256
"""Signals that are read and sorted by length together: enough for batches of like lengths, few enough for memory."""

LISTED = 4096
"""Signals that are listed together: a run may have millions."""

Source = Mapping[str, Any]
"""Where a signal is, by its `identity`, as a scoring process receives it."""

Load = Callable[[Source], Audio]
"""Reads a signal from the description that a scoring process receives."""


Told = Callable[[int, int], None]
"""Is told how many signals a model is through, and of how many."""


def nobody(done: int, total: int) -> None:
    """Where nobody waits to see how far a model is."""


def compute(
    feature: Feature,
    rate: int,
    sources: Iterable[Source],
    load: Load,
    cache: ArrayCache,
    device: str,
    told: Told = nobody,
) -> int:
    """Computes a model's feature of all signals that the cache lacks it for; the model stays loaded.

    What goes wrong with one signal costs that signal: scoring tries it once more, alone, and says why it failed.

    Args:
        feature: With a `model`.
        rate: Sampling rate in Hz that the model takes; 0 for the signal's own.
        sources: `identity`, and where the signal is; one signal may come several times.
        load: Reads a signal.
        cache: That of features.
        device: Where the model runs.
        told: Is told how far it is, after each batch.

    Returns:
        For how many signals it was computed.

    Raises:
        UnavailableError: An extra or a file is missing.
    """
    model: Model = feature.model
    done = seen = total = 0
    for listed in parts(sources, LISTED):
        absent = _absent(feature, rate, listed, cache)
        total += len(absent)
        told(seen, total)
        for part in parts(absent, AT_ONCE):
            for batch in batches(_signals(part, feature, rate, load), model):
                results = _applied(model, [audio for _, audio in batch], device)
                for (key, _), result in zip(batch, results, strict=True):
                    if not isinstance(result, NotScorable) or result.status is not Status.ERROR:
                        cache.put(key, entry_of(result))
                        done += 1
                seen += len(batch)
                told(seen, total)
    return done


def _absent(feature: Feature, rate: int, sources: Iterable[Source], cache: ArrayCache) -> list[tuple[str, Source]]:
    """The signals that the cache lacks a feature for, each once, with its address."""
    wanted = {source["identity"]: source for source in sources}
    keyed = [(feature_address(identity, feature, rate), source) for identity, source in wanted.items()]
    return [(key, source) for key, source in keyed if cache.get(key) is None]


def _signals(part: Iterable[tuple[str, Source]], feature: Feature, rate: int, load: Load) -> list[tuple[str, Audio]]:
    """Those that can be read, at the rate of the model."""
    signals = []
    for key, source in part:
        try:
            audio = load(source)
            audio.check("the signal")
        except NotScorable:
            continue  # scoring meets the same problem, and gives it its status
        signals.append((key, feature.resampler(audio, rate)))
    return signals


def batches(signals: Sequence[tuple[str, Audio]], model: Model) -> Iterator[list[tuple[str, Audio]]]:
    """Signals of one rate and like lengths together; of one length where the model asks for that."""
    of = (lambda s: (s[1].rate, len(s[1]))) if model.equal_lengths else (lambda s: (s[1].rate, 0))
    for _, group in groupby(sorted(signals, key=of), key=of):
        yield from by_length(group, lambda signal: signal[1].seconds, model.batch_seconds)


def _applied(model: Model, audios: Sequence[Audio], device: str) -> Sequence[ModelOutput]:
    """Applies a model to a batch; what fails alone has a reason."""

    def failed(error: Exception) -> ModelOutput:
        logger.debug("%s failed", model.name, exc_info=error)
        return NotScorable(f"{type(error).__name__}: {error}", Status.ERROR)

    return halved(lambda batch: run_model(model, batch, device), audios, failed)
