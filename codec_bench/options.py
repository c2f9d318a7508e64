"""An option, said once: a field of a model, which a command line, a YAML file and Python read alike.

A field holds its type, default and limits as any pydantic field does, and an `Option` says the rest: its help, how it
is written on a command line, where it stands in `--help`, and an example. A field without one is for programs alone.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from codec_bench.documents import read_yaml
from codec_bench.errors import UsageError
from codec_bench.files import write_atomically
from codec_bench.registry import unknown

if TYPE_CHECKING:
    from typing_extensions import Self

PAPER_BANDS = (2.0, 0.85, 0.65)
"""Edges in kbit/s of the groups in the LongCat paper's tables; `paper` on a command line."""

BANDS = (16.0, 8.0, 4.0, *PAPER_BANDS)
"""The same, but with what lies above 2 kbit/s apart: 3 and 24 kbit/s are no alternatives to each other."""


class Panel(Enum):
    """Headings of `--help`, in their order."""

    SYSTEMS = "What is measured"
    DATA = "Data"
    METHOD = "How it is measured"
    PLACE = "Where it runs"
    OUTPUT = "What comes out"


@dataclass(frozen=True)
class Option:
    """What the command line says of a field.

    Attributes:
        help: One or two sentences; the default is added.
        panel: The heading under which `--help` has it.
        metavar: What stands for the value; by default it follows from the type.
        flag: The name where it is not that of the field, e.g. `--map`; for an argument the name of the field.
        example: A value, for the message where it is missing.
        switch: For a number that can be switched off, the name of that option, e.g. `--stability`.
        is_argument: Whether it is given without a flag.
    """

    help: str
    panel: Panel
    metavar: str | None = None
    flag: str | None = None
    example: str = ""
    switch: str | None = None
    is_argument: bool = False


def option_of(field: FieldInfo) -> Option | None:
    """What the command line says of a field; None if it has no such option."""
    return next((entry for entry in reversed(field.metadata) if isinstance(entry, Option)), None)


def flag_of(name: str, field: FieldInfo) -> str:
    """How a field is named on a command line."""
    option = option_of(field)
    return f"--{name.replace('_', '-')}" if option is None or option.flag is None else option.flag


def switched_off(flag: str) -> str:
    """How a switch is turned off.

    >>> switched_off("--keep-audio")
    '--no-keep-audio'
    >>> switched_off("--no-cache")
    '--cache'
    """
    name = flag.removeprefix("--")
    return f"--{name.removeprefix('no-')}" if name.startswith("no-") else f"--no-{name}"


def key_of(name: str, field: FieldInfo) -> str:
    """The name of a field in a YAML file, which is that of its option: `map` for `--map`."""
    return flag_of(name, field).removeprefix("--").replace("-", "_")


def listed(value: Any) -> Any:
    r"""The entries of a list that was written with commas, as a list, or as an option that was repeated.

    A comma of an entry itself stands behind a backslash, or the entry in double quotes.

    >>> listed("lyra, codec2"), listed(["2,4", 8]), listed("")
    (['lyra', 'codec2'], ['2', '4', 8], [])
    >>> listed(r'opus@6000,files:a\,b,files:"c,d"')
    ['opus@6000', 'files:a,b', 'files:c,d']
    """
    if isinstance(value, str):
        parts = re.findall(r'(?:\\,|"[^"]*"|[^,])+', value)
        plain = (re.sub(r'\\(,)|"([^"]*)"', lambda found: found[1] or found[2] or "", part) for part in parts)
        return [part.strip() for part in plain if part.strip()]
    if isinstance(value, list | tuple):
        return [part for entry in value for part in (listed(entry) if isinstance(entry, str) else [entry])]
    return value


def escaped(entry: str) -> str:
    r"""An entry as `listed` takes it for one.

    >>> listed(escaped("files:a,b"))
    ['files:a,b']
    """
    return entry.replace(",", r"\,")


def band_edges(value: Any) -> Any:
    """Edges as `listed` takes them apart, or those of the paper by its name."""
    return list(PAPER_BANDS) if value in ("paper", ["paper"]) else listed(value)


def falling(edges: list[float]) -> list[float]:
    """Edges of bitrate groups that are positive, finite and fall; raises `ValueError` for others."""
    if edges != sorted(set(edges), reverse=True) or not all(0 < edge < math.inf for edge in edges):
        raise ValueError("bands are positive and falling, e.g. 2,0.85,0.65")
    return edges


TRACKERS = ("wandb", "mlflow", "tensorboard", "trackio")
"""What `--log` knows; each is an extra of the same name."""


def tracker_of(text: str) -> tuple[str, str]:
    """A tracker and the place in it, which is empty for its own choice.

    Raises:
        UsageError: There is no such tracker.

    >>> tracker_of("mlflow:sqlite:///runs.db"), tracker_of("wandb")
    (('mlflow', 'sqlite:///runs.db'), ('wandb', ''))
    """
    name, _, place = text.partition(":")
    if name not in TRACKERS:
        raise UsageError(unknown("tracker", name, list(TRACKERS)))
    return name, place


def _trackers(texts: list[str]) -> list[str]:
    """The same for a validator."""
    try:
        for text in texts:
            tracker_of(text)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return texts


def device_name(name: str) -> str:
    """A name that torch could know as a device, or `ValueError`; whether it is here, `coding.devices` says."""
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?", name) is None:
        raise ValueError(f"a device is auto, cpu, cuda or cuda:1, not {name!r}")
    return name


Names = Annotated[list[str], BeforeValidator(listed)]
Integers = Annotated[list[int], BeforeValidator(listed)]
Numbers = Annotated[list[float], BeforeValidator(listed)]

CodecNames = Annotated[
    Names,
    Option(
        "Codecs and their settings, with commas or repeated; see `codec-bench list codecs`.",
        Panel.SYSTEMS,
        "NAME[@SETTING]",
        example="codec2@1200,opus@6000",
    ),
]
Codebooks = Annotated[
    Integers, Option("Numbers of codebooks instead of the standard ones, e.g. 2,3,4.", Panel.SYSTEMS, "N[,N]")
]
Checkpoint = Annotated[
    Path | None, Option("Other weights for the codec: a file or a folder.", Panel.SYSTEMS, metavar="PATH")
]
DatasetName = Annotated[
    str, Option("Recordings; see `codec-bench list datasets`.", Panel.DATA, "NAME|FILE.tsv|DIR", example="demo")
]
Jobs = Annotated[int | None, Field(ge=1), Option("Scoring processes; all cores by default.", Panel.PLACE)]
Seed = Annotated[int, Field(ge=0), Option("Seed of all random draws.", Panel.METHOD)]
MaxFailed = Annotated[
    float,
    Field(ge=0, le=1),
    Option("Share of utterances that may fail before the exit code is 1.", Panel.OUTPUT, metavar="SHARE"),
]
Report = Annotated[bool, Option("Draw plots and write report.html, not only table.md.", Panel.OUTPUT)]


class Options(BaseModel):
    """Options of a command. A wrong value is an error of one line.

    Raises:
        UsageError: An option is unknown, missing, or has a value that it cannot have.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    comma_separated: ClassVar[frozenset[str]] = frozenset()
    """Fields whose entries commas separate, and whose type does not say so."""

    @field_validator("*")
    @classmethod
    def _fits_a_machine(cls, value: Any) -> Any:
        """Python's whole numbers have no end; those that counts, seeds and rates are handed to have."""
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, int) and abs(entry) >= 2**63:
                raise ValueError("is larger than any number that it could be")
        return value

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except ValidationError as error:
            raise UsageError(self._first_problem(error)) from None

    @classmethod
    def ordered_fields(cls) -> dict[str, FieldInfo]:
        """The fields for people: what a command has by itself comes before what it shares."""
        names = dict.fromkeys(name for part in cls.__mro__ for name in inspect.get_annotations(part))
        return {name: cls.model_fields[name] for name in names if name in cls.model_fields}

    @classmethod
    def load(cls, path: Path, overrides: Mapping[str, Any] | None = None) -> Self:
        """Reads a YAML file; options in `overrides` take precedence.

        Raises:
            UsageError: The file cannot be read, is not a YAML mapping, or holds a wrong option.
        """
        content = read_yaml(path)
        if not isinstance(content, dict):
            raise UsageError(f"{path} holds no options: write e.g. 'codec: [opus@6000]'")
        options = {str(key).replace("-", "_"): value for key, value in content.items()}
        try:
            return cls(**cls.fields_of(options) | dict(overrides or {}))
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None

    @classmethod
    def fields_of(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options by the names of their fields, from those that people know them by: `map` for `--map`."""
        names = {key_of(name, field): name for name, field in cls.model_fields.items()}
        return {names.get(key, key): value for key, value in options.items()}

    @classmethod
    def made(cls, config: str | Path | None, options: Mapping[str, Any]) -> Self:
        """The options of a call from Python: those of a file, if one is named, and those that are given, which win.

        Raises:
            UsageError: An option is unknown, missing, or has a value that it cannot have.
        """
        given = cls.fields_of(options)
        return cls(**given) if config is None else cls.load(Path(config), given)

    def save(self, path: Path) -> None:
        """Writes the options that differ from their defaults as YAML."""
        plain = {
            name: [escaped(entry) if isinstance(entry, str) else entry for entry in value]
            if self._is_split(name)
            else value
            for name, value in self.model_dump(mode="json", exclude_defaults=True).items()
        }
        content = {key_of(n, field): plain[n] for n, field in self.ordered_fields().items() if n in plain}
        write_atomically(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())

    @classmethod
    def _is_split(cls, name: str) -> bool:
        """Whether commas separate the entries of a field."""
        validators = (entry.func for entry in cls.model_fields[name].metadata if isinstance(entry, BeforeValidator))
        return name in cls.comma_separated or listed in validators

    def describe(self) -> dict[str, Any]:
        """All options as JSON, as `run.json` keeps them."""
        return self.model_dump(mode="json")

    def words(self) -> list[str]:
        """The options that differ from their defaults, as a command line has them.

        Raises:
            UsageError: One has a value that no command line can give.
        """
        found: list[str] = []
        for name, field in self.ordered_fields().items():
            value, option, flag = getattr(self, name), option_of(field), flag_of(name, field)
            if value == field.default:
                continue
            if option is None:
                raise UsageError(f"option {name} is not one of a command line")
            if isinstance(value, bool):
                found.append(flag if value else switched_off(flag))
                continue
            pairs = [f"{key}={entry}" for key, entry in value.items()] if isinstance(value, dict) else [value]
            entries = value if isinstance(value, list) else pairs
            if any(isinstance(entry, BaseModel) for entry in entries):
                raise UsageError(f"option {name} has entries that only a file can describe")
            for entry in entries or [""]:
                word = escaped(str(entry)) if self._is_split(name) else str(entry)
                found += [word] if option.is_argument else [flag, word]
        return found

    def given(self, names: Iterable[str] | None = None) -> dict[str, Any]:
        """The values that were given rather than left at their defaults, of all fields or of some."""
        wanted = type(self).model_fields if names is None else names
        return {name: getattr(self, name) for name in wanted if name in self.model_fields_set}

    @classmethod
    def _first_problem(cls, error: ValidationError) -> str:
        """One line for the first thing that is wrong."""
        fields = cls.model_fields
        problem = error.errors()[0]
        where = str(problem["loc"][0]) if problem["loc"] else ""
        key = key_of(where, fields[where]) if where in fields else where
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            return unknown("option", where, [key_of(name, field) for name, field in fields.items()])
        if problem["type"] in ("missing", "too_short"):
            option = option_of(fields[where])
            if option is None or not option.example:
                return f"option {key} is missing"
            asked = option.example if option.is_argument else f"{flag_of(where, fields[where])} {option.example}"
            return f"option {key} is missing, e.g. {asked}"
        if not key or problem["type"] == "value_error":
            return f"option {key}: {message}" if key else message
        return f"option {key} {message.removeprefix('Input ')}, not {problem['input']!r}"


F = TypeVar("F", bound=Callable[..., Any])


def takes(model: type[Options]) -> Callable[[F], F]:
    """Decorator for a function that hands its `**options` to a model: its signature shows what these are.

    That is what `help` and notebooks look at; `keywords.py` tells the same to type checkers and editors.
    """

    def wrap(function: F) -> F:
        own = inspect.signature(function)
        named = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        taken = {parameter.name for parameter in named}
        more = []
        for key, field in keyword_fields(model).items():
            default = inspect.Parameter.empty if field.is_required() else field.default
            kind = inspect.Parameter.KEYWORD_ONLY
            if key not in taken:
                more.append(inspect.Parameter(key, kind, default=default, annotation=field.annotation))
        function.__signature__ = own.replace(parameters=[*named, *more])  # type: ignore[attr-defined]
        return function

    return wrap


def keyword_fields(model: type[Options]) -> dict[str, FieldInfo]:
    """The options of a model as Python calls name them, without what programs alone set."""
    fields = model.ordered_fields().items()
    return {key_of(name, field): field for name, field in fields if option_of(field) is not None}


NoCache = Annotated[
    bool, Option("Compute everything anew, and keep nothing for later runs.", Panel.METHOD)
]  # fmt: skip


class Measurement(Options):
    """Options of every kind of measurement."""

    device: Annotated[
        str,
        AfterValidator(device_name),
        Option("Where codecs and models run; auto uses a GPU if there is one.", Panel.PLACE, "auto|cpu|cuda[:N]"),
    ] = "auto"
    verify: Annotated[
        bool,
        Option("Compare codecs and models with known answers before their first use here; see verify.", Panel.METHOD),
    ] = True
    unverified: Annotated[
        bool, Option("Use what fails a known answer all the same, and mark its rows.", Panel.METHOD)
    ] = False
    out: Annotated[
        Path | None,
        Option("Run directory; by default runs/<date>-..., named after what is measured.", Panel.OUTPUT, "DIR"),
    ] = None
    log: Annotated[
        Names,
        AfterValidator(_trackers),
        Option(
            "Trackers that also get what comes out: wandb, mlflow, tensorboard, trackio; see `codec-bench log`.",
            Panel.OUTPUT,
            "TRACKER[:PLACE]",
        ),
    ] = []
    keep_paths: Annotated[
        bool, Option("Write the home folder in run.json and reports, not ~ in its place.", Panel.OUTPUT)
    ] = False


class DataFolders(Options):
    """Where a data set lies."""

    data_root: Annotated[Path | None, Option("Folder of an extracted data set.", Panel.DATA, "DIR")] = None
    audio_root: Annotated[Path | None, Option("Folder that a manifest's paths are relative to.", Panel.DATA, "DIR")] = (
        None
    )


class DataPart(Options):
    """Which of the utterances of a data set are taken; the seed of a sample is the field `seed` of the options."""

    sample: Annotated[
        int | None,
        Field(ge=1),
        Option("Only N utterances, drawn by --seed evenly over the speakers.", Panel.DATA),
    ] = None
    limit: Annotated[
        int | None, Field(ge=1), Option("Only the first N utterances, which are no sample.", Panel.DATA)
    ] = None

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        if self.sample is not None and self.limit is not None:
            raise ValueError("--limit takes the first utterances, --sample draws them: give one of the two")
        return self
