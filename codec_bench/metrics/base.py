"""What a metric is. Its function is pure; what it returns says how it is pooled; the checks are made here, once."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import RESAMPLER
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.faults import contained, explained, trace_of, without_torch_warning
from codec_bench.fingerprint import address, package_versions
from codec_bench.hub import RemoteFile
from codec_bench.identity import function_parts, kept_for, source_of
from codec_bench.metrics.batches import recording_of
from codec_bench.metrics.signal import Array, Feature, Recording, Signal, read_only
from codec_bench.records import NotScorable, Ratio, Score, Status
from codec_bench.registry import unknown

MetricValue = float | Ratio
CorpusFunction = Callable[..., float]
TrialFunction = Callable[[Sequence[str | None]], NDArray[np.integer[Any]]]
Variants = Mapping[str, Mapping[str, Any]] | Callable[[str], Mapping[str, Any]]
_ROUNDING = 1e-4
"""By how much a value may lie outside of its range, in its unit or out of the bound."""

EXACT = {"si_sdr": 80.0}
"""From which value on a metric says that signals are the same, but for rounding: SI-SDR has no largest one."""

INPUTS = ("reference", "decoded", "text", "language")


@dataclass(frozen=True)
class Metric:
    """One metric, at one variant.

    Attributes:
        name: Registered name; a variant follows in brackets, `gpe[praat]`.
        function: Takes any of `reference`, `decoded` (`Signal`), `text`, `language` (`str | None`), and keyword-only
            parameters; returns a float (averaged over utterances) or a `Ratio` (pooled over the corpus).
        unit: `%`, `dB`, `MOS-LQO`, or empty.
        better: Which direction is better.
        range: Smallest and largest possible value; None if there is no bound.
        rate: Sampling rate in Hz at which signals are compared; 0 for that of the decoded signal.
        family: Tables show the metrics of a family side by side: `quality`, `pitch`, `spectral`.
        title: Column heading for people.
        version: Raised whenever values change.
        packages: Distributions whose installed version decides the values.
        digits: Decimals in tables.
        accepts_silence: Whether a silent decoded signal is scored (WER: everything was deleted) or is a status.
        params: Keyword arguments of the function at this variant.
        variants: The other variants, or a function from the variant's name to keyword arguments.
        variant: Which variant this is; empty for the default.
        note: One line for table footnotes: definition, tracker, model.
        same_utterance: Whether `reference` has to be the recording that `decoded` reconstructs. Speaker
            similarity compares any two recordings, so generated speech can be compared with its prompt.
        tolerates_lag: Whether a constant lag of `decoded` changes nothing that matters, because the function aligns the
            signals itself, or compares them as wholes.
        hears_polarity: Whether the value changes where `decoded` is upside down, as some codecs make it.
        corpus: Computes the value of a corpus where that is not a mean of scores, from the two arrays, reference first,
            that the parameter `embedding` gives of each scored pair. Such a value has no interval.
        trials: Where `corpus` compares utterances with each other: which, from who speaks in each utterance of the set
            or None, as their places, `[n, 2]`. Then `corpus` gets what it gets for all of the set, None where there is
            no score, and who speaks in each as its second argument.
        origin: `package.module:object` if it was requested that way.
        files: Files that a plug-in reads, as it names them or beside its module: they are part of its address.
    """

    name: str
    function: Callable[..., MetricValue]
    unit: str
    better: Literal["higher", "lower"]
    range: tuple[float | None, float | None]
    rate: int
    family: str
    title: str
    version: int = 1
    packages: tuple[str, ...] = ()
    digits: int = 3
    accepts_silence: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)
    variants: Variants = field(default_factory=dict)
    variant: str = ""
    note: str = ""
    origin: str = ""
    same_utterance: bool = True
    tolerates_lag: bool = False
    hears_polarity: bool = False
    corpus: CorpusFunction | None = None
    files: tuple[str, ...] = ()
    trials: TrialFunction | None = None

    @property
    def spelling(self) -> str:
        """What `codec_bench.metric` must be given to get this metric in another process."""
        return f"{self.origin or self.name}[{self.variant}]" if self.variant else self.origin or self.name

    @property
    def label(self) -> str:
        """Name with its variant, as columns show it: the path of a user's model is that of one machine."""
        recogniser = self.params.get("transcribe")
        shown = self.variant
        if recogniser is not None and "/" in shown:
            normaliser = self.params.get("normalise")
            shown = recogniser.label + (f"+{normaliser.name}" if normaliser is not None else "")
        return f"{self.name}[{shown}]" if shown else self.name

    def printed(self, value: float | None) -> str:
        """A value as tables show it: `1.806`, a dash where there is none, or `exact`."""
        if value is None:
            return "–"
        return "exact" if value >= EXACT.get(self.name, math.inf) else f"{value:.{self.digits}f}"

    @property
    def scale(self) -> float:
        """100 for a metric in percent, otherwise 1: the function returns the plain fraction."""
        return 100.0 if self.unit == "%" else 1.0

    @cached_property
    def inputs(self) -> frozenset[str]:
        """Which of `reference`, `decoded`, `text`, `language` the function takes."""
        return frozenset(inspect.signature(self.function).parameters) & frozenset(INPUTS)

    @property
    def needs_recording(self) -> bool:
        """Whether there is no value without a recording of the same utterance."""
        return self.same_utterance and "reference" in self.inputs

    @property
    def minds_lag(self) -> bool:
        """Whether it compares moments of `decoded` with the same moments of its recording."""
        return self.needs_recording and not self.tolerates_lag

    @cached_property
    def fingerprint(self) -> str:
        """Content address of the definition.

        Raises:
            UsageError: A parameter of a plug-in has none.
        """
        return address(
            metric=self.name,
            version=self.version,
            rate=self.rate,
            params=self._addressed_params(),
            packages=package_versions(self.packages),
            resampler=[RESAMPLER, package_versions(["soxr"])],
            **self.identity,
        )

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Whose code a plug-in is; empty for what ships with codec-bench."""
        return function_parts(*self._functions, files=self.files)

    @property
    def sources(self) -> list[dict[str, Any]]:
        """The code of a plug-in, and of the recogniser, normaliser and features that a metric takes."""
        parts = [self.identity]
        for value in self._bound_params().values():
            if (function := getattr(value, "function", None)) is not None:
                parts.append(function_parts(function, files=getattr(value, "files", ())))
        return [source for part in parts for source in part.get("source", [])]

    @cached_property
    def kept_for(self) -> dict[str, str]:
        """What the addresses of its scores have besides where this run alone may find them; see `identity.kept_for`."""
        found = kept_for(*self._functions, files=self.files, is_known=bool(self.learned))
        for value in self._bound_params().values():
            found = found | getattr(value, "kept_for", {})
        return found

    @property
    def _functions(self) -> list[Callable[..., Any]]:
        return [made for made in (self.function, self.corpus, self.trials) if made is not None]

    @cached_property
    def code(self) -> str:
        """Digest of a plug-in's source alone; empty for what ships with codec-bench."""
        source = source_of(self.function)
        return "" if source is None else source.code

    def _bound_params(self) -> dict[str, Any]:
        """All parameters, defaults included, so that a changed default or feature changes the fingerprint."""
        signature = inspect.signature(self.function)
        defaults = {p.name: p.default for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY}
        return defaults | dict(self.params)

    def _addressed_params(self) -> dict[str, Any]:
        """The parameters as their address has them: what is infinite or NaN as a text, which JSON has no number for."""
        if not self.code:
            return self._bound_params()
        found = {}
        for name, value in self._bound_params().items():
            is_odd = isinstance(value, float | np.floating) and not np.isfinite(value)
            found[name] = {"float": str(float(value))} if is_odd else value
            try:
                address(value=found[name])
            except (TypeError, ValueError):
                raise UsageError(
                    f"metric {self.label}: its parameter {name!r} is {value!r:.100}, by which scores cannot be told "
                    "apart: numbers, texts, lists and dicts of these, NumPy arrays and Features can be parameters"
                ) from None
        return found

    @property
    def embedding(self) -> Feature:
        """The feature that `corpus` is computed from.

        Raises:
            UsageError: The function has no parameter `embedding` that is a feature.
        """
        found = self._bound_params().get("embedding")
        if not isinstance(found, Feature):
            raise UsageError(f"{self.name} has a corpus value, so its function needs a keyword `embedding`, a Feature")
        return found

    def corpus_value(self, pairs: Iterable[tuple[Array, Array] | None], speakers: Sequence[str | None]) -> float:
        """What `corpus` makes of a set, in the unit of the metric.

        Args:
            pairs: Both embeddings of each utterance; None for one without a score.
            speakers: Who speaks in each.

        Raises:
            NotScorable: It gives no value.
        """
        assert self.corpus is not None, "others are means of scores"
        if self.trials is not None:
            return self.scale * self.corpus(pairs, speakers)
        return self.scale * self.corpus(pair for pair in pairs if pair is not None)

    def trials_made(self, speakers: Sequence[str | None], is_scored: Sequence[bool]) -> tuple[int, int]:
        """How many trials a system has for which both utterances have a score, and how many the set has.

        Raises:
            NotScorable: The set has none.
        """
        assert self.trials is not None, "others compare no utterances with each other"
        trials = self.trials(speakers)
        return int(np.asarray(is_scored)[trials].all(axis=1).sum()), len(trials)

    @cached_property
    def models(self) -> tuple[tuple[Feature, int], ...]:
        """The features of learned models that this metric needs, and their rates."""
        return tuple((feature, self.rate) for feature in self.features if feature.model)

    @cached_property
    def learned(self) -> tuple[Any, ...]:
        """Its models: those of its features, and those that it takes as parameters since they judge pairs."""
        taken = [value for value in self._bound_params().values() if hasattr(value, "weight_digests")]
        return (*(feature.model for feature, _ in self.models), *taken)

    @property
    def takes_recogniser(self) -> bool:
        """Whether it compares what a recogniser hears, which its variant then names."""
        return "transcribe" in self._bound_params()

    @property
    def resampler(self) -> str:
        """What brings signals to `rate`; empty where they stay at their own."""
        used = [feature.resampler.name for feature in self.features] or [RESAMPLER]
        return ", ".join(dict.fromkeys(used)) if self.rate else ""

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """What it takes as parameters and shares with other metrics; those that it names in its code are not known."""
        return tuple(value for value in self._bound_params().values() if isinstance(value, Feature))

    @property
    def uses(self) -> dict[str, str]:
        """Names of what it takes from elsewhere, by parameter: recogniser, text normaliser, pitch tracker, model."""
        named = {k: getattr(v, "label", "") or getattr(v, "name", "") for k, v in self._bound_params().items()}
        return {parameter: name for parameter, name in named.items() if name}

    @property
    def package_versions(self) -> dict[str, str]:
        """Installed versions of all distributions that decide the values, those of its models included."""
        return package_versions({p for part in (self, *self.features, *self.learned) for p in part.packages})

    @property
    def weights(self) -> tuple[RemoteFile, ...]:
        """The files that its models need."""
        return tuple(dict.fromkeys(w for model in self.learned for w in model.weights))

    def unsupported(self) -> str | None:
        """Why it cannot run here whatever is downloaded, with the command that helps; None if it can."""
        return next((reason for model in self.learned if (reason := model.unsupported())), None)

    def unavailable(self) -> str | None:
        """Why it cannot run here now, with the command that helps; None if it can."""
        command = f"codec-bench fetch metric:{self.spelling}"
        return next((reason for model in self.learned if (reason := model.problem(command))), None)

    def with_variant(self, variant: str) -> Metric:
        """The same metric at another variant.

        Raises:
            UsageError: There is no such variant.
        """
        if callable(self.variants):
            return replace(self, variant=variant, params=self.variants(variant))
        if variant not in self.variants:
            known = list(self.variants)
            raise UsageError(
                unknown(f"variant of {self.name}", variant, known) if known else f"{self.name} has no variants"
            )
        return replace(self, variant=variant, params=self.variants[variant])

    def __call__(
        self,
        reference: Any = None,
        decoded: Any = None,
        rate: int | None = None,
        *,
        text: str | None = None,
        language: str | None = None,
    ) -> Score:
        """Scores one pair of signals; `codec_bench.evaluate` takes batches, and several metrics at once.

        Args:
            reference: Original, an array or a tensor `[n]` or `[1, n]` in [-1, 1]; not needed by metrics that only
                compare with a text.
            decoded: Reconstruction, `[m]`, aligned at sample 0; the longer one is cut.
            rate: Sampling rate of both in Hz; they are resampled to `self.rate`.
            text: Transcript, for WER and CER.
            language: Code or English name, for WER and CER.

        Returns:
            A value, or a status with a reason.

        Raises:
            UsageError: There is no rate, or what is given is not one signal of floats.

        >>> from codec_bench.metrics import metric
        >>> tone = np.sin(np.arange(16_000) / 20)
        >>> float(metric("si_sdr")(tone, 0.5 * tone + 0.01, 16_000)) > 30
        True
        """
        pair = (recording_of(reference, rate, "the reference"), recording_of(decoded, rate, "the decoded signal"))
        return self.score(*pair, text, language)

    def score(
        self,
        reference: Recording | None,
        decoded: Recording | None,
        text: str | None = None,
        language: str | None = None,
    ) -> Score:
        """Scores recordings; the seam that runs use. Never raises for a property of the input."""
        started = time.perf_counter()
        try:
            arguments = self._arguments(reference, decoded, text, language)
            score = self._in_range(Score.of(self._value(arguments), self.scale))
        except NotScorable as outcome:
            score = Score.failed(outcome.status, outcome.reason)
        except CodecBenchError:
            raise
        except Exception as error:  # noqa: BLE001 - one pair must not end a run; the reason is kept
            about = self.function if self.code else None
            score = Score.failed(Status.ERROR, explained(error, about), trace_of(error))
        return replace(score, seconds=time.perf_counter() - started)

    def _value(self, arguments: Mapping[str, Any]) -> MetricValue:
        """What the function returns; a plug-in must leave the signals, which others get too, as they are."""
        if not self.code:
            return self.function(**arguments, **self.params)
        signals = [value for value in arguments.values() if isinstance(value, Signal)]
        with read_only([signal.recording for signal in signals]), without_torch_warning():
            return contained(self.function, **arguments, **self.params)

    def _in_range(self, score: Score) -> Score:
        """The score, if it lies where a plug-in says that its values do."""
        if not self.code or score.value is None:
            return score
        low, high = self.range
        is_below = low is not None and score.value < low - _ROUNDING * max(1.0, abs(low))
        if is_below or (high is not None and score.value > high + _ROUNDING * max(1.0, abs(high))):
            stated = f"{'no bound' if low is None else f'{low:g}'} to {'no bound' if high is None else f'{high:g}'}"
            reason = f"its value is {score.value:g}, outside of the range that it states: {stated} {self.unit}"
            return Score.failed(Status.ERROR, reason.rstrip())
        return score

    def _arguments(
        self, reference: Recording | None, decoded: Recording | None, text: str | None, language: str | None
    ) -> dict[str, Any]:
        """The checks that hold for every metric: there, finite, not empty, not silent, one rate, one length."""
        wanted = self.inputs
        signals: dict[str, Recording] = {}
        for name, recording in (("reference", reference), ("decoded", decoded)):
            if name not in wanted:
                continue
            if recording is None:
                raise NotScorable(f"{self.name} needs the {name} signal", Status.MISSING)
            recording.audio.check(f"the {name} signal")
            signals[name] = recording
        if "text" in wanted and not (text or "").strip():
            raise NotScorable("the utterance has no transcript", Status.NO_TEXT)
        length = min((len(r.at(self.rate)) for r in signals.values()), default=0)
        if signals and not length:
            raise NotScorable("shorter than one sample at the metric's rate", Status.TOO_SHORT)
        arguments: dict[str, Any] = {n: Signal(r, self.rate or r.audio.rate, length) for n, r in signals.items()}
        for name, signal in arguments.items():
            if signal.is_silent and not (self.accepts_silence and name == "decoded"):
                raise NotScorable(f"the {name} signal is silent in the part that is compared", Status.SILENT)
        arguments |= {n: v for n, v in (("text", text), ("language", language)) if n in wanted}
        return arguments
