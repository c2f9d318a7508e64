"""What can be verified: a codec at a mode, or a metric with its recogniser; and the answers that are known of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from codec_bench.adapters import CODECS
from codec_bench.adapters.codec import Codec
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.fingerprint import address
from codec_bench.hub import RemoteFile
from codec_bench.metrics import METRICS, Metric, metric
from codec_bench.metrics.asr import BACKENDS, Recogniser
from codec_bench.verification.answers import EMPTY, Answer, AnswerFile, Answers, answer_file


@dataclass(frozen=True)
class Target:
    """A plug-in and what is known of it.

    Attributes:
        name: `codec:lyra`, `codec:ticodec@1g2r`, `metric:nisqa`, `metric:wer[whisper:tiny.en]`.
        plugin: The codec at its mode, or the metric.
        module: Beside which its answers stand; what has one module is verified in one process.
        file: Where its answers stand; an empty one if there are none.
        answers: Those answers.
        differs: Why it is not what was published; empty where it is.
    """

    name: str
    plugin: Codec | Metric
    module: str = ""
    file: AnswerFile = field(default=EMPTY, repr=False)
    answers: Answers | None = field(default=None, repr=False)
    differs: str = ""

    @property
    def mode(self) -> str | None:
        """The mode of a codec that has modes."""
        return self.plugin.mode if isinstance(self.plugin, Codec) else None

    @property
    def checks(self) -> tuple[Answer, ...]:
        """What can be compared at once."""
        return () if self.answers is None or self.differs else self.answers.at(self.mode)

    def chosen(self, quick: bool) -> tuple[Answer, ...]:
        """All checks; with `quick` those that take seconds, as before first use."""
        return tuple(check for check in self.checks if not (quick and check.when_asked))

    @property
    def weights(self) -> tuple[RemoteFile, ...]:
        """The files that it is loaded from."""
        return self.plugin.needed_weights() if isinstance(self.plugin, Codec) else self.plugin.weights

    @property
    def weight_digests(self) -> dict[str, str | None]:
        """SHA-256 by file.

        Raises:
            UnavailableError: A file of a codec is missing, or another one.
        """
        if isinstance(self.plugin, Codec):
            return dict(self.plugin.weight_digests())
        return {path: digest for model in self.plugin.learned for path, digest in model.weight_digests().items()}

    @property
    def key(self) -> str:
        """Content address of what a result holds for: the weights, the code of the plug-in, and the answers.

        Raises:
            UnavailableError: As `weight_digests`.
        """
        answers = self.answers or Answers(second_best="nothing")
        return address(
            target=self.name,
            version=self.plugin.version,
            weights=self.weight_digests,
            answers=self.file.digest(answers, self.mode),
        )


def target_of_codec(codec: Codec) -> Target:
    """A codec as a run uses it; nothing is known of one of the user's."""
    module = CODECS.module(codec.name) if codec.plug_in is None else ""
    name = f"codec:{codec.name}" + ("" if codec.mode is None else f"@{codec.mode}")
    differs = "its weights are not the published ones"
    if not codec.live and codec.needed_weights() == codec.spec.weights:
        differs = codec.precision and f"it computes in {codec.precision}"
    return _target(name, codec, module, codec.name, differs)


def target_of_metric(made: Metric) -> Target:
    """A metric as a run uses it; one with a recogniser stands for that. Nothing is known of one of the user's."""
    if made.code:
        return Target(f"metric:{made.label}", made)
    if (recogniser := recogniser_of(made)) is not None:
        label = recogniser.label.partition("@")[0]
        return _target(f"metric:wer[{label}]", made, BACKENDS.module(label.partition(":")[0]), label)
    module = METRICS.module(made.name)
    found = _target(f"metric:{made.label}", made, module, made.label)
    if found.answers is None and made.variant and made.models:
        # A variant that has no answers of its own has those of the metric, if it is loaded from the same files.
        plain = metric(made.name)
        if plain.weights == made.weights:
            return _target(f"metric:{plain.label}", plain, module, plain.label)
    return found


def _target(name: str, plugin: Codec | Metric, module: str, key: str, differs: str = "") -> Target:
    file = answer_file(module) if module else EMPTY
    return Target(name, plugin, module, file, file.answers.get(key), differs)


def recogniser_of(made: Metric) -> Recogniser | None:
    """The recogniser that a metric takes, if it takes one."""
    return next((feature for feature in made.features if isinstance(feature, Recogniser)), None)


def target_of(name: str) -> list[Target]:
    """What `codec:NAME[@MODE]` or `metric:NAME` stands for: a codec without a mode, for all modes with answers.

    Raises:
        UsageError: No such codec or metric, or another kind of name.
    """
    kind, _, rest = name.partition(":")
    if kind not in ("codec", "metric") or not rest:
        raise UsageError(f"{name!r} cannot be verified: write codec:NAME, metric:NAME or all-here, e.g. codec:lyra")
    if kind == "metric":
        return [target_of_metric(metric(rest))]
    base, _, mode = rest.partition("@")
    cls: Any = CODECS.get(base)
    if not cls.modes:
        return [target_of_codec(cls())]
    if mode:
        return [target_of_codec(cls(mode))]
    found = [target_of_codec(cls(each)) for each in cls.modes]
    return [target for target in found if target.checks] or [replace(found[0], name=f"codec:{base}")]


def names() -> list[str]:
    """All that could be verified: codecs, metrics and the recognisers that have answers."""
    found = [f"codec:{name}" for name in CODECS.names() if not name.startswith("test-")]
    found += [f"metric:{name}" for name in METRICS.names() if "text" not in metric(name).inputs]
    for family in BACKENDS.names():
        found += [f"metric:wer[{label}]" for label in answer_file(BACKENDS.module(family)).answers]
    return found


def all_here() -> list[Target]:
    """All that can run here now, each once: metrics that share a recogniser stand for that."""
    found: dict[str, Target] = {}
    for name in names():
        try:
            found |= {target.name: target for target in target_of(name) if target.plugin.unavailable() is None}
        except CodecBenchError:  # a recogniser whose extra is missing
            continue
    return list(found.values())
