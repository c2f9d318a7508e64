"""Makes checks: runs a codec or a metric on the input of an answer, and compares."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from codec_bench.adapters.codec import Codec
from codec_bench.audio import Audio, resample
from codec_bench.errors import CodecBenchError, UnavailableError, first_line
from codec_bench.metrics.base import Metric
from codec_bench.metrics.model import run_model
from codec_bench.metrics.signal import Feature, Recording
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import Code, Tokens
from codec_bench.verification.answers import (
    Answer,
    AnswerFile,
    Codes,
    DecodedAudio,
    FeatureStatistics,
    Latent,
    MetricScore,
    Reconstruction,
    Samples,
    TokenIds,
    TokenSums,
    Transcript,
)
from codec_bench.verification.comparisons import (
    best_correlation,
    normalised_rmse,
    relative_distance,
    rmse_as_correlation,
    share_equal,
    word_errors,
)
from codec_bench.verification.inputs import audio_of
from codec_bench.verification.outcomes import Outcome, Result

SHOWN = 8
"""Tokens or samples that a line shows."""


class _Made(NamedTuple):
    """What a comparison gives: what is shown of it, and whether it agrees."""

    what: str
    expected: str
    found: str
    tolerance: str
    agrees: bool


def results_of(
    name: str, plugin: Codec | Metric, file: AnswerFile, checks: Iterable[Answer], missing: Mapping[str, str],
    device: str = "cpu",
) -> Iterator[Result]:  # fmt: skip
    """Makes checks of one codec, which is loaded, or of one metric.

    Args:
        name: Of the target.
        plugin: The codec or the metric.
        file: Where the inputs are described.
        checks: What to compare.
        missing: Why inputs could not be had, by name.
        device: Where models of metrics run.
    """
    for check in checks:
        what = f"{check.about} of {file.inputs[check.input].what}"
        result = partial(Result, name, source=check.source, reveals=check.reveals)
        absent = next((missing[wanted] for wanted in check.inputs if wanted in missing), None)
        if absent is not None:
            yield result(Outcome.NOT_HAD, what, found=f"nothing was compared: {absent}")
            continue
        try:
            for made in _compare(plugin, file, check, device):
                bad = Outcome.FAILED if check.is_sure else Outcome.DIFFERS
                what = f"{made.what} of {file.inputs[check.input].what}"
                yield result(Outcome.PASSED if made.agrees else bad, what, *made[1:4])
        except _InputError as error:
            yield result(Outcome.NOT_HAD, what, found=f"nothing was compared: {error}")
        except CodecBenchError as error:
            yield result(Outcome.CANNOT_RUN, what, found=str(error))
        except Exception as error:  # noqa: BLE001  # whatever a model raises
            yield result(Outcome.CANNOT_RUN, what, found=f"it raised {type(error).__name__}: {first_line(error)}")


class _InputError(Exception):
    """An input is not here, or another one."""


def _compare(plugin: Codec | Metric, file: AnswerFile, check: Any, device: str) -> Iterator[_Made]:
    if isinstance(plugin, Codec):
        of_codec: Callable[..., Iterator[_Made]] = _OF_CODECS[type(check)]
        yield from of_codec(plugin, file, check)
    else:
        of_metric: Callable[..., Iterator[_Made]] = _OF_METRICS[type(check)]
        yield from of_metric(plugin, file, check, device)


def _audio(file: AnswerFile, name: str) -> Audio:
    try:
        return audio_of(file.inputs[name])
    except UnavailableError as error:
        raise _InputError(str(error)) from error


# --- codecs ----------------------------------------------------------------------------------------------------------


def _code(codec: Codec, file: AnswerFile, check: Answer) -> Code:
    """The tokens of an input, or the tokens that are the input."""
    made = file.inputs[check.input]
    if not isinstance(made, Codes):
        return codec.encode(_audio(file, check.input))
    tokens = codec.tokens([np.array(book, np.int64) for book in made.codes])
    samples = round(tokens.seconds * codec.spec.input_rate)
    return replace(tokens, samples=samples, sample_rate=codec.spec.input_rate)


def _tokens(codec: Codec, file: AnswerFile, check: Answer) -> Tokens:
    code = _code(codec, file, check)
    if not isinstance(code, Tokens):
        raise TypeError("it sends packets, not tokens")
    return code


def _count(codec: Codec, check: Answer) -> int | None:
    """The number of codebooks of a check; None for all of them."""
    return int(check.setting) if check.setting and not codec.modes else None


def _token_ids(codec: Codec, file: AnswerFile, check: TokenIds) -> Iterator[_Made]:
    streams = _tokens(codec, file, check).prefix(_count(codec, check)).streams
    for number, wanted in check.books.items():
        found = streams[number].codes if number < len(streams) else np.array([], np.int64)
        share = share_equal(found, wanted)
        yield _Made(
            f"tokens of codebook {number}, the first {len(wanted)}", _shown(wanted),
            f"{_shown(found[: len(wanted)])}, {share:.0%} equal", f"{check.least:.0%} equal", share >= check.least,
        )  # fmt: skip


def _token_sums(codec: Codec, file: AnswerFile, check: TokenSums) -> Iterator[_Made]:
    streams = _tokens(codec, file, check).streams
    for count, wanted in check.sums.items():
        found = sum(int(stream.codes.sum()) for stream in streams[:count])
        agrees = abs(found - wanted) <= check.tolerance * wanted
        yield _Made(
            f"sum of the tokens of {count} codebooks", str(wanted), str(found), f"{check.tolerance:.2%}", agrees
        )


def _latent(codec: Codec, file: AnswerFile, check: Latent) -> Iterator[_Made]:
    tokens = _tokens(codec, file, check).prefix(_count(codec, check))
    found = codec.latents(tokens)[check.name][check.frame]
    distance = relative_distance(found, check.values)
    yield _Made(
        f"latents ({check.name}, frame {check.frame})", _shown(check.values), f"{_shown(found)}, {distance:.4f} away",
        f"{check.tolerance:g} of its length", distance <= check.tolerance,
    )  # fmt: skip


def _as_published(codec: Codec, code: Code, count: int | None) -> Audio:
    """Decoded audio with a decoder's early output where it comes: sources compare it as it is."""
    decoded = codec.decode(code, count)
    return replace(decoded, samples=decoded.samples[max(0, -codec.spec.delay) :])


def _reconstruction(codec: Codec, file: AnswerFile, check: Reconstruction) -> Iterator[_Made]:
    original = resample(_audio(file, check.input), codec.spec.output_rate)
    code = _code(codec, file, check)
    for count, wanted in check.rmse.items():
        decoded = _as_published(codec, code, count)
        found = normalised_rmse(original.samples, decoded.samples)
        length = min(len(original), len(decoded))
        yield _Made(
            f"distance of the reconstruction with {count} codebooks (normalised RMSE)",
            f"{wanted:.8f} (correlation {rmse_as_correlation(wanted, length):.3f})",
            f"{found:.8f} (correlation {rmse_as_correlation(found, length):.3f})",
            f"{check.tolerance:g}", abs(found - wanted) <= check.tolerance,
        )  # fmt: skip


def _samples(codec: Codec, file: AnswerFile, check: Samples) -> Iterator[_Made]:
    decoded = _as_published(codec, _code(codec, file, check), _count(codec, check)).samples
    found = decoded[check.start :][: len(check.values)]
    away = float(np.abs(found - np.array(check.values)).max()) if len(found) == len(check.values) else float("inf")
    yield _Made(
        f"decoded samples from {check.start} on", _shown(check.values), f"{_shown(found)}, {away:.2g} away",
        f"{check.tolerance:g}", away <= check.tolerance,
    )  # fmt: skip


def _decoded_audio(codec: Codec, file: AnswerFile, check: DecodedAudio) -> Iterator[_Made]:
    theirs = _audio(file, check.output)
    ours = codec.decode(_code(codec, file, check), _count(codec, check))
    rate = min(theirs.rate, ours.rate)
    one, other = (resample(audio, rate).samples for audio in (ours, theirs))
    length = min(len(one), len(other))
    found, lag = best_correlation(one[:length], other[:length], round(check.lag_ms * rate / 1000))
    yield _Made(
        "decoded audio against the authors' own", f"correlation of {check.correlation:g} or more",
        f"{found:.4f} where ours is {lag} samples late at {rate} Hz", f"{check.lag_ms:g} ms of lag, any gain",
        found >= check.correlation,
    )  # fmt: skip


_OF_CODECS: Mapping[type, Callable[..., Iterator[_Made]]] = {
    TokenIds: _token_ids, TokenSums: _token_sums, Latent: _latent, Reconstruction: _reconstruction, Samples: _samples,
    DecodedAudio: _decoded_audio,
}  # fmt: skip


# --- metrics ---------------------------------------------------------------------------------------------------------


def _score(made: Metric, file: AnswerFile, check: MetricScore, device: str) -> Iterator[_Made]:
    decoded = Recording(_audio(file, check.input))
    reference = None if check.reference is None else Recording(_audio(file, check.reference))
    score = made.score(reference, decoded)
    unit = f" {made.unit}" if made.unit else ""
    found = score.reason if score.value is None else f"{score.value:.7g}{unit}"
    agrees = score.status is Status.OK and score.value is not None and abs(score.value - check.value) <= check.tolerance
    yield _Made("value", f"{check.value:.7g}{unit}", found, f"{check.tolerance:g}", agrees)


def _feature(feature: Feature, audio: Audio, rate: int, device: str) -> Any:
    """What a feature gives for a signal.

    Raises:
        NotScorable: Nothing.
    """
    signal = resample(audio, rate) if rate else audio
    if feature.model is None:
        return feature.function(signal)
    (output,) = run_model(feature.model, [signal], device)
    if isinstance(output, NotScorable):
        raise output
    return output


def _transcript(made: Metric, file: AnswerFile, check: Transcript, device: str) -> Iterator[_Made]:
    feature = next(f for f in made.features if f.name.startswith("transcript/"))
    found = str(_feature(feature, _audio(file, check.input), made.rate, device).item())
    errors = word_errors(found, check.text)
    allowed = f"{check.errors} words"
    yield _Made("transcript", repr(check.text), f"{found!r}, {errors} words differ", allowed, errors <= check.errors)


def _statistics(made: Metric, file: AnswerFile, check: FeatureStatistics, device: str) -> Iterator[_Made]:
    feature = made._bound_params()[check.parameter]
    found = np.asarray(_feature(feature, _audio(file, check.input), made.rate, device), np.float64)
    rows, mean, std = len(found), float(found.mean()), float(found.std())
    agrees = (
        check.rows in (None, rows)
        and abs(mean - check.mean) <= check.mean_tolerance
        and abs(std - check.std) <= check.std_tolerance
    )
    rows_text = "" if check.rows is None else f"{check.rows} rows, "
    yield _Made(
        f"statistics of the {check.parameter}", f"{rows_text}mean {check.mean:g}, deviation {check.std:g}",
        f"{rows} rows, mean {mean:.4g}, deviation {std:.4g}",
        f"{check.mean_tolerance:g} and {check.std_tolerance:g}", agrees,
    )  # fmt: skip


_OF_METRICS: Mapping[type, Callable[..., Iterator[_Made]]] = {
    MetricScore: _score, Transcript: _transcript, FeatureStatistics: _statistics,
}  # fmt: skip


def _shown(values: Any) -> str:
    """The first few numbers."""
    plain = [v if isinstance(v, int) else round(float(v), 4) for v in np.asarray(values)[:SHOWN].tolist()]
    return json.dumps(plain)[:-1] + (", ...]" if len(values) > SHOWN else "]")
