"""Known answers as data: what goes in, what came out where it was published, and how far another result may be off."""

from __future__ import annotations

import importlib.util
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import override

from codec_bench.documents import read_yaml
from codec_bench.errors import UsageError
from codec_bench.fingerprint import address
from codec_bench.hub import RemoteFile

SUFFIX = ".answers.yaml"
"""What follows the name of a module in that of its file of answers."""

SURE = 0.8
"""Confidence below which an answer may be of other weights or settings: a difference is reported, but no failure."""

SHARED = Path(__file__).with_name("inputs.yaml")


class Part(BaseModel):
    """What all parts of a file have in common: no unknown fields, and no change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Signal(Part):
    """Where an input comes from; `what` is for people.

    Attributes:
        resampled: Rate in Hz to which `scipy.signal.resample_poly` brings it first, where its authors did that.
    """

    what: str
    resampled: int | None = Field(default=None, gt=0)


class PublishedFile(_Signal):
    """Somebody's file: fetched from where it is published, never shipped.

    Attributes:
        file: Where a mirror has it, and the home keeps it.
        source: Web address at a pinned commit.
        sha256: Its digest; None where nobody publishes one and it could not be looked at.
        size: Bytes.
        licence: As its publisher states it.
        raw_rate: Sampling rate in Hz of a file of 16-bit samples without a header.
        samples: Samples that it has at its own rate, where there is no digest.
    """

    file: str
    source: str
    licence: str
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    size: int | None = Field(default=None, gt=0)
    raw_rate: int | None = Field(default=None, gt=0)
    samples: int | None = Field(default=None, gt=0)

    @property
    def remote(self) -> RemoteFile:
        """The file for the hub."""
        return RemoteFile(self.file, self.sha256, self.size, self.source)


class Formula(_Signal):
    """A signal that anybody can make.

    Attributes:
        formula: `silence`; `sine` of `hertz`; `torch_rand` and `torch_randn`, PyTorch's generator after `seed`.
        samples: Samples that are drawn or computed.
        take: The part of them that is the signal: first sample, and one beyond the last.
    """

    formula: Literal["silence", "sine", "torch_rand", "torch_randn"]
    rate: int = Field(gt=0)
    samples: int = Field(gt=0, le=10_000_000)
    seed: int = 0
    hertz: float = Field(default=0.0, ge=0)
    take: tuple[int, int] | None = None


class DemoSpeech(_Signal):
    """An utterance of the data set that ships with the package."""

    demo: str


class Values(_Signal):
    """Samples as they are printed."""

    values: tuple[float, ...]
    rate: int = Field(gt=0)


class Codes(Part):
    """Tokens to be decoded, first codebook first, equally many of each."""

    what: str
    codes: tuple[tuple[int, ...], ...]


Input = PublishedFile | Formula | DemoSpeech | Values | Codes


class _Check(Part):
    """What all kinds of answers have.

    Attributes:
        input: Name of the input.
        setting: Mode or number of codebooks of the codec; empty for all codebooks.
        source: Repository, commit, file and place where the answer is published.
        reveals: What a difference would mean.
        origin: Whether its authors printed it (`published`), or their package gave it elsewhere (`package`).
        confidence: How sure it is that the answer is of the same weights and setting.
        when_asked: Whether it is compared only by `codec-bench verify`, not before first use: it takes minutes.
    """

    about: ClassVar[str]
    input: str
    setting: str = ""
    source: str = Field(min_length=1)
    reveals: str = Field(min_length=1)
    origin: Literal["published", "package"] = "published"
    confidence: float = Field(default=0.9, gt=0, le=1)
    when_asked: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of all inputs."""
        return (self.input,)

    @property
    def is_sure(self) -> bool:
        """Whether a difference is a failure."""
        return self.confidence >= SURE


class TokenIds(_Check):
    """Tokens of some codebooks from the first frame on; `least` is the share of equal ones in each."""

    about: ClassVar[str] = "tokens"
    kind: Literal["tokens"]
    books: dict[int, tuple[int, ...]]
    least: float = Field(default=1.0, gt=0, le=1)


class TokenSums(_Check):
    """Sums of all tokens, by number of codebooks; `tolerance` is relative."""

    about: ClassVar[str] = "sums of tokens"
    kind: Literal["token_sums"]
    sums: dict[int, int]
    tolerance: float = Field(ge=0)


class Latent(_Check):
    """One frame of what `Codec.latents` gives; `tolerance` is the distance relative to the length of the vector."""

    about: ClassVar[str] = "latents"
    kind: Literal["latents"]
    name: str
    frame: int
    values: tuple[float, ...]
    tolerance: float = Field(ge=0)


class Reconstruction(_Check):
    """How far decoded audio is from its input, by number of codebooks.

    Both are cut to the shorter one and divided by their own L2 norms; the figure is the root of the mean squared
    difference, as the tests of transformers have it.
    """

    about: ClassVar[str] = "distance of the reconstruction"
    kind: Literal["rmse"]
    rmse: dict[int, float]
    tolerance: float = Field(ge=0)


class Samples(_Check):
    """Some decoded samples; `tolerance` is the largest difference."""

    about: ClassVar[str] = "decoded samples"
    kind: Literal["samples"]
    start: int = Field(default=0, ge=0)
    values: tuple[float, ...]
    tolerance: float = Field(ge=0)


class DecodedAudio(_Check):
    """What the authors decoded of the same input, compared after resampling to the lower rate.

    Attributes:
        output: Name of the authors' file among the inputs.
        correlation: The least one, at the best lag and whatever the gain.
        lag_ms: How late or early the adapter may be besides.
    """

    about: ClassVar[str] = "decoded audio"
    kind: Literal["audio"]
    output: str
    correlation: float = Field(gt=0, le=1)
    lag_ms: float = Field(default=30.0, ge=0)

    @property
    @override
    def inputs(self) -> tuple[str, ...]:
        return (self.input, self.output)


class MetricScore(_Check):
    """The value of a metric, in its unit; `input` is the decoded signal."""

    about: ClassVar[str] = "value"
    kind: Literal["score"]
    value: float
    tolerance: float = Field(ge=0)
    reference: str | None = None

    @property
    @override
    def inputs(self) -> tuple[str, ...]:
        return (self.input,) if self.reference is None else (self.input, self.reference)


class Transcript(_Check):
    """What a recogniser hears, compared word by word without case and punctuation."""

    about: ClassVar[str] = "transcript"
    kind: Literal["transcript"]
    text: str
    errors: int = Field(default=0, ge=0)


class FeatureStatistics(_Check):
    """Mean and standard deviation of what a feature of a metric gives, and how many rows it has.

    Attributes:
        parameter: Under which keyword the metric takes the feature.
    """

    about: ClassVar[str] = "statistics of the embedding"
    kind: Literal["feature"]
    parameter: str
    rows: int | None = None
    mean: float
    std: float
    mean_tolerance: float = Field(ge=0)
    std_tolerance: float = Field(ge=0)


Answer = Annotated[
    TokenIds
    | TokenSums
    | Latent
    | Reconstruction
    | Samples
    | DecodedAudio
    | MetricScore
    | Transcript
    | FeatureStatistics,
    Field(discriminator="kind"),
]


class Answers(Part):
    """What is known of one codec, metric or recogniser.

    Attributes:
        checks: In the order in which they are made.
        second_best: What else tells whether it is right, where no answer is published.
    """

    checks: tuple[Answer, ...] = ()
    second_best: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> Answers:
        if not self.checks and not self.second_best:
            raise ValueError("answers have checks, or say what is second best")
        return self

    def at(self, mode: str | None) -> tuple[Answer, ...]:
        """The answers of a mode of a codec; all of them where it has no modes."""
        return tuple(check for check in self.checks if mode is None or check.setting == mode)


class AnswerFile(Part):
    """A file of answers.

    Attributes:
        inputs: Those that this file alone needs.
        answers: By name of the codec, metric (without its variant, unless that has other weights) or recogniser.
    """

    inputs: dict[str, Input] = {}
    answers: dict[str, Answers] = {}

    @model_validator(mode="after")
    def _names_its_inputs(self) -> AnswerFile:
        for name, answers in self.answers.items():
            for check in answers.at(None):
                missing = [wanted for wanted in check.inputs if wanted not in self.inputs]
                if missing:
                    raise ValueError(f"{name}: there is no input {missing[0]!r}")
        return self

    def digest(self, answers: Answers, mode: str | None) -> str:
        """What tells these answers, with their inputs, from others."""
        found = answers.at(mode)
        names = sorted({name for check in found for name in check.inputs})
        return address(
            checks=[check.model_dump(mode="json") for check in found],
            inputs={name: self.inputs[name].model_dump(mode="json") for name in names},
        )


EMPTY = AnswerFile()


def answer_file(module: str) -> AnswerFile:
    """The file of answers beside a module, with the inputs that all share; an empty one where there is none.

    Raises:
        UsageError: It is not one of answers.
    """
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # a script, or what was made in a shell
        return EMPTY
    if spec is None or spec.origin is None:
        return EMPTY
    path = Path(spec.origin)
    path = path.with_name(f"{path.parent.name if path.stem == '__init__' else path.stem}{SUFFIX}")
    return load(path) if path.is_file() else EMPTY


@cache
def _shared_inputs() -> dict[str, Any]:
    """What all files of answers may name as an input."""
    return dict(read_yaml(SHARED))


@lru_cache(maxsize=64)
def load(path: Path) -> AnswerFile:
    """A file of answers.

    Raises:
        UsageError: It cannot be read, or holds something else.
    """
    content = read_yaml(path)
    try:
        inputs = _shared_inputs() | content.get("inputs", {})
        return AnswerFile.model_validate(content | {"inputs": inputs})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path} at {where}: {first['msg']}") from None
    except (AttributeError, TypeError):
        raise UsageError(f"{path} holds no answers: it has `inputs` and `answers`") from None
