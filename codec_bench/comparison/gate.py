"""The gate: how much worse each metric may get, and when that cannot be said.

A gate file is YAML. Keys are metrics (by name or full label) and the settings of `Gate`:

    alpha: 0.05
    pesq_wb: {max_decrease: 0.03}
    wer: {max_increase: 0.2, unit: points, required: true}
    mcd: {max_increase: 2, unit: percent}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from codec_bench.comparison.measurements import ComparedMetric, Direction
from codec_bench.documents import read_yaml
from codec_bench.errors import UsageError
from codec_bench.registry import unknown

UNITS = ("absolute", "points", "percent")


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number is wanted")
    return value


_Number = Annotated[float, BeforeValidator(_no_truth), Field(allow_inf_nan=False)]
"""`true` would be 1; texts are numbers, since YAML takes `1e-3` for one."""

_Count = Annotated[int, BeforeValidator(_no_truth), Field(ge=1)]


@dataclass(frozen=True)
class MetricLimit:
    """How much worse one metric may get.

    Attributes:
        threshold: Positive; in the metric's unit, or in percent of the baseline's value where `relative`.
        required: Whether the gate as a whole cannot decide where this metric cannot.
        min_utterances: With fewer than this nothing passes.
        max_coverage_drop: Share of the baseline's utterances that may have lost their value; more are a regression.
        basis: Where a default comes from.
        moved: By how much the value of a whole set moved, at most, when nothing changed that anybody hears; None if
            that was not measured.
        max_increase: Which direction is limited.
        worst_speaker: How much worse any one speaker may get, in the unit of the metric; None for no such limit.
    """

    threshold: float
    relative: bool = False
    required: bool = True
    min_utterances: int = 20
    max_coverage_drop: float = 0.0
    basis: str = ""
    moved: float | None = None
    max_increase: bool = False
    worst_speaker: float | None = None

    @property
    def described(self) -> str:
        """`−0.03` in the metric's unit, or `+2 % rel.`."""
        return f"{'+' if self.max_increase else '−'}{self.threshold:g}{' % rel.' if self.relative else ''}"


_OPINION = "half of 0.1 MOS, the last digit in which predicted opinion scores are usually compared"
_SPEAKER = "convention: as secs, of which it is a stronger kind"
_NOISY = "; recognisers are so noisy that a small set cannot exclude it, hence not required"
_PITCH = "more than what nobody hears moves it by"

DEFAULTS: Mapping[str, MetricLimit] = {
    "pesq_wb": MetricLimit(0.03, moved=0.014, basis="4 % of the step"),
    "pesq_nb": MetricLimit(0.03, moved=0.028, basis="4 % of the step"),
    "visqol": MetricLimit(0.03, moved=0.0016, basis="convention: as pesq_wb, which has the same scale"),
    "stoi": MetricLimit(0.005, moved=0.0014, basis="12 % of the step"),
    "estoi": MetricLimit(0.01, moved=0.0021, basis="15 % of the step"),
    "si_sdr": MetricLimit(0.3, moved=0.085, basis="17 % of the step"),
    "mcd": MetricLimit(0.1, max_increase=True, moved=0.014, basis="15 % of the step"),
    "vde": MetricLimit(1.0, max_increase=True, moved=0.86, basis=_PITCH),
    "ffe": MetricLimit(1.0, max_increase=True, moved=0.94, basis=_PITCH),
    "gpe": MetricLimit(1.0, max_increase=True, moved=0.49, basis=_PITCH),
    "secs": MetricLimit(0.01, moved=0.0036, basis="a third of the step"),
    "spk_sim": MetricLimit(0.01, basis=_SPEAKER),
    "campplus_sim": MetricLimit(0.01, basis=_SPEAKER),
    "ecapa_sim": MetricLimit(0.01, basis=_SPEAKER),
    "wer": MetricLimit(1.0, max_increase=True, basis="17 % of the step" + _NOISY, required=False),
    "cer": MetricLimit(1.0, max_increase=True, basis="convention: as wer" + _NOISY, required=False),
    "per": MetricLimit(1.0, max_increase=True, basis="convention: as wer" + _NOISY, required=False),
    "sigmos": MetricLimit(0.05, basis=_OPINION),
    "nisqa": MetricLimit(0.15, moved=0.071, basis="twice what nobody hears moves it by"),
    "utmos": MetricLimit(0.05, basis=_OPINION),
    "dnsmos": MetricLimit(0.05, moved=0.021, basis=_OPINION),
}
"""By metric name, in the metric's own unit and against the direction that is better.

Each is more than `moved`, what `benchmarks/noise_floor.py` found of 60 utterances by 39 speakers through Opus and Codec
2 (of SI-SDR, ViSQOL and DNSMOS, through Opus alone): recordings cut by a sample or 6 ms, 0.1 dB louder or softer, or
dithered. Above that they follow "the step", which is what opus loses from 8 to 6 kbit/s on the bundled demo set: 0.77
in `pesq_wb`, 0.84 in `pesq_nb`, 0.041 in `stoi`, 0.068 in `estoi`, 1.8 dB in `si_sdr`, 0.67 dB in `mcd`, 0.029 in
`secs`, 6 in `wer` (PocketSphinx). All are conventions of this project, none a threshold of perception.
"""


class _Change(BaseModel):
    """How much a value may change for the worse."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_increase: _Number | None = Field(default=None, gt=0)
    max_decrease: _Number | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if self.max_increase is not None and self.max_decrease is not None:
            raise ValueError("give max_increase or max_decrease, not both")
        return self

    @property
    def threshold(self) -> float | None:
        """The limit, whichever direction it is for."""
        return self.max_increase if self.max_increase is not None else self.max_decrease


class _Entry(_Change):
    """A metric of a gate file."""

    unit: str | None = None
    required: bool = True
    min_utterances: _Count | None = None
    max_coverage_drop: _Number | None = Field(default=None, ge=0, le=1)
    worst_speaker: _Change | None = None


class Settings(BaseModel):
    """What holds for all metrics of a gate.

    Attributes:
        alpha: Chance of any false alarm over all pairs and metrics of a comparison.
        min_utterances: With fewer common utterances than this nothing passes.
        max_coverage_drop: Share of the baseline's scored utterances that may have no score in the candidate; more are
            a regression.
        defaults: Whether metrics that the file does not name keep their default limits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: _Number = Field(default=0.05, gt=0, lt=0.5)
    min_utterances: _Count = 20
    max_coverage_drop: _Number = Field(default=0.0, ge=0, le=1)
    defaults: bool = False


@dataclass(frozen=True)
class Gate:
    """Limits for the metrics of a comparison.

    Attributes:
        entries: What the gate file says per metric.
        source: The file, or `defaults`.
    """

    settings: Settings = field(default_factory=lambda: Settings(defaults=True))
    entries: Mapping[str, _Entry] = field(default_factory=dict)
    source: str = "defaults"

    def limit_of(self, column: ComparedMetric) -> MetricLimit | None:
        """The limit of a metric, by its full label or else its name; None if it is only shown.

        Raises:
            UsageError: The file limits the direction that is better, or has a unit that the metric cannot have.
        """
        key = next((k for k in (column.label, column.name) if k in self.entries), None)
        if key is not None:
            return self._given(key, self.entries[key], column)
        if not self.settings.defaults or column.name not in DEFAULTS or not column.better:
            return None
        return self._completed(DEFAULTS[column.name], column)

    def _completed(self, limit: MetricLimit, column: ComparedMetric) -> MetricLimit:
        return replace(
            limit,
            min_utterances=self.settings.min_utterances,
            max_coverage_drop=self.settings.max_coverage_drop,
            max_increase=column.better == "lower",
        )

    def _given(self, key: str, entry: _Entry, column: ComparedMetric) -> MetricLimit:
        where = f"{self.source}: {key}"
        if entry.unit is not None and entry.unit not in (*UNITS, column.unit):
            raise UsageError(f"{where}: {unknown('unit', entry.unit, [*UNITS, column.unit])}")
        if entry.unit == "points" and column.unit != "%":
            raise UsageError(f"{where}: points are for metrics in percent; leave the unit out, or write percent")
        threshold = entry.threshold
        default = DEFAULTS.get(column.name)
        if threshold is None:
            if default is None or not column.better:
                raise UsageError(f"{where} has no default limit: give max_increase or max_decrease")
            if entry.unit == "percent":
                raise UsageError(
                    f"{where}: the default limit is absolute; give max_increase or max_decrease in percent"
                )
            limit = self._completed(default, column)
        else:
            increase = _increases(where, entry, column)
            # "%" alone is the unit of the metric, where it is one; `percent` always means of the baseline.
            limit = replace(
                self._completed(MetricLimit(threshold), column), relative=entry.unit == "percent", max_increase=increase
            )
        changes = {"min_utterances": entry.min_utterances, "max_coverage_drop": entry.max_coverage_drop}
        given: dict[str, Any] = {k: v for k, v in changes.items() if v is not None}
        worst = entry.worst_speaker
        if worst is not None:
            if worst.threshold is None:
                raise UsageError(f"{where}.worst_speaker: give max_increase or max_decrease")
            if _increases(f"{where}.worst_speaker", worst, column) != limit.max_increase:
                raise UsageError(f"{where}.worst_speaker limits the other direction than {key} does")
            given["worst_speaker"] = worst.threshold
        return replace(limit, required=entry.required, **given)

    def stand_in(self, key: str) -> ComparedMetric:
        """A metric that the file names and neither run has, so that a result can say so."""
        entry, name = self.entries[key], key.partition("[")[0]
        default = DEFAULTS.get(name)
        known = [entry.max_increase is not None] if entry.threshold is not None else []
        known += [default.max_increase] if default is not None else []
        better: Direction = "" if not known else "lower" if known[0] else "higher"
        unit = "%" if entry.unit == "points" else entry.unit if entry.unit not in (None, *UNITS) else ""
        return ComparedMetric(key, name, key, unit, better, 3, 0, "", 1.0)

    def check_names(self, labels: Iterable[str], known: Iterable[str]) -> None:
        """Raises for a metric of the file that neither the runs nor this program have.

        Raises:
            UsageError: The line says what may be meant.
        """
        there, names = set(labels), set(known)
        for key in self.entries:
            if key not in there and key.partition("[")[0] not in names:
                everything = sorted({*there, *names, *Settings.model_fields})
                raise UsageError(f"{self.source}: {unknown('metric or setting', key, everything)}")


def _increases(where: str, change: _Change, column: ComparedMetric) -> bool:
    """Which direction is limited.

    Raises:
        UsageError: The one that is better.
    """
    increase = change.max_increase is not None
    if column.better and increase != (column.better == "lower"):
        right = "max_decrease" if increase else "max_increase"
        raise UsageError(f"{where}: {column.better} is better, so what can be limited is {right}")
    return increase


def load_gate(path: Path) -> Gate:
    """Reads a gate file.

    Raises:
        UsageError: It cannot be read, or says something that is not known; one line.
    """
    data = read_yaml(path)
    data = {} if data is None else data
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise UsageError(f"{path} is not a gate: write lines like pesq_wb: {{max_decrease: 0.03}}")
    settings = _checked(Settings, {k: v for k, v in data.items() if k in Settings.model_fields}, path, "")
    entries = {
        key: _checked(_Entry, {} if value is None else value, path, key)
        for key, value in data.items()
        if key not in Settings.model_fields
    }
    if not entries and not settings.defaults:
        raise UsageError(f"{path} limits no metric: name one, or write defaults: true")
    return Gate(settings, entries, str(path))


def _checked(model: type[Any], value: Any, path: Path, key: str) -> Any:
    where = f"{path}: {key}" if key else str(path)
    if not isinstance(value, dict):
        # Most often a setting that is misspelt, or a bare number for a metric.
        names = [*Settings.model_fields, *DEFAULTS]
        hint = "" if key in DEFAULTS else f" ({unknown('setting', key, names)})"
        raise UsageError(f"{where}: write {{max_increase: X}} or {{max_decrease: X}}, not {value!r}{hint}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UsageError(f"{where}: {unknown('key', name, list(model.model_fields))}") from None
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where}{f'.{name}' if name and key else f': {name}' if name else ''}: {message}") from None
