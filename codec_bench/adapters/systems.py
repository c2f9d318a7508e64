"""From names on a command line to systems: a codec at one setting, or audio that exists already."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from codec_bench.adapters import CODECS
from codec_bench.adapters.codec import Codec
from codec_bench.adapters.prepared import Broken, DecodedFiles, GroundTruth, Prepared
from codec_bench.adapters.replaceable import TakesCheckpoint
from codec_bench.adapters.spec import CodecSpec
from codec_bench.errors import CodecBenchError, SpecError, UnavailableError, UsageError
from codec_bench.faults import contained
from codec_bench.fingerprint import address
from codec_bench.hub import RemoteFile, fetch_all, missing
from codec_bench.identity import source_of
from codec_bench.inference import PRECISIONS


@dataclass(frozen=True)
class System:
    """A row of a table.

    Attributes:
        label: What its row is called: `longcat@3`, `longcat@3:bf16`, `opus@6000`, `files:DIR`, `ground-truth`.
        source: The codec, shared by all systems that differ in the number of codebooks only, or the prepared audio.
        codebooks: How many codebooks are decoded; None for a codec without codebooks.
        asked: `package.module:Class@3` where that is what makes it, and not its label.
    """

    label: str
    source: Codec | Prepared
    codebooks: int | None = None
    asked: str = ""

    @property
    def spelling(self) -> str:
        """What `parse_systems` must be given to make it in another process."""
        return self.asked or self.label

    @property
    def spec(self) -> CodecSpec:
        """What the codec is."""
        return self.source.spec

    @property
    def fingerprint(self) -> str:
        """Content address of everything that decides the decoded audio, given the recording."""
        return address(source=self.source.fingerprint, codebooks=self.codebooks)


def load_codec(name: str, device: str = "cpu", checkpoint: str | os.PathLike[str] | None = None) -> Codec:
    """A codec that is ready to use.

    Args:
        name: `opus@6000`, `lyra@16`, `mimi@8:bf16`, `package.module:Class@setting`; a codec with codebooks needs no
            setting.
        device: `cpu`, `cuda` or `cuda:1`.
        checkpoint: Other weights: a file or a folder, as `--checkpoint` takes them.

    Raises:
        UsageError: No such codec or setting, it cannot run here, or the checkpoint does not fit it.

    >>> from codec_bench import Audio, load_codec
    >>> import numpy as np
    >>> codec = load_codec("codec2@1200")
    >>> code = codec.encode(Audio(np.zeros(24_000, np.float32), 24_000))
    >>> code.bits / code.seconds, len(codec.decode(code)), codec.spec.output_rate
    (1200.0, 8000, 8000)
    """
    base, setting = split_setting(name)
    cls = _imported(base)
    try:
        _check_complete(cls)
        _check_runs(cls, base)
        made = _checked(with_setting(cls, setting))
    except SpecError as error:
        raise UsageError(Broken(name, error, cls).reason) from error
    if checkpoint is not None:
        if not isinstance(made, TakesCheckpoint):
            raise UsageError(f"{made.name} takes no checkpoint")
        made.use_checkpoint(Path(checkpoint))
    fetch_weights(made)
    made.load(device)
    made.is_loaded = True
    return made


def parse_systems(
    names: Iterable[str],
    codebooks: Sequence[int] = (),
    *,
    needs_audio: bool = True,
    sweeps: bool = True,
    keeps_broken: bool = False,
) -> list[System]:
    """The systems of these names, in order.

    Args:
        names: Codecs with or without a setting, `files:DIR`, `ground-truth`. Without a setting, a codec stands for
            all its standard settings.
        codebooks: Numbers of codebooks that replace the standard ones of every codec that has codebooks.
        needs_audio: Whether a codec without a decoder is an error, and so is a number of codebooks that is encoded and
            cannot be decoded.
        sweeps: Whether a codec without a setting stands for its standard numbers of codebooks, or for all codebooks.
        keeps_broken: Whether a plug-in whose constructor or spec raises is a system that says so, or an error.

    Raises:
        UsageError: An unknown name or setting, one that `codebooks` contradicts, or a codec that cannot run here.
    """
    asked = _Asked(codebooks, needs_audio, sweeps)
    systems: list[System] = []
    for name in names:
        systems += _systems_of(name, asked)
    check_names(systems)
    broken = [system.source.reason for system in systems if isinstance(system.source, Broken)]
    if broken and not keeps_broken:
        raise UsageError(broken[0])
    silent = [system.label for system in systems if needs_audio and not system.spec.decodes]
    if silent:
        raise UnavailableError(
            f"{silent[0]} has no decoder, so it gives no audio: audio that another model made of its tokens is scored "
            "with --codec files:DIR"
        )
    if codebooks and not any(s.codebooks for s in systems):
        raise UsageError("--codebooks was given, but none of the codecs has codebooks to choose from")
    return list({system.label: system for system in systems}.values())


@dataclass(frozen=True)
class _Asked:
    """What is wanted of every codec; see `parse_systems`."""

    codebooks: Sequence[int]
    needs_audio: bool
    sweeps: bool

    def check(self, codec: Codec, count: int) -> None:
        """Raises a `UsageError` for a number of codebooks that the codec does not have."""
        if self.needs_audio:
            type(codec)(codebooks=count)
        elif reason := codec.cannot_encode(count):
            raise UsageError(reason)


def split_precision(setting: str | None) -> tuple[str | None, str]:
    """Splits `3:bf16`, or `bf16` where it is all; without one the precision is empty.

    >>> split_precision("3:bf16"), split_precision("bf16"), split_precision("6000"), split_precision(None)
    (('3', 'bf16'), (None, 'bf16'), ('6000', ''), (None, ''))
    """
    before, _, last = (setting or "").rpartition(":")
    return (before or None, last) if last in PRECISIONS else (setting, "")


def split_setting(name: str) -> tuple[str, str | None]:
    """Splits `codec@setting`.

    >>> split_setting("opus@6000"), split_setting("opus")
    (('opus', '6000'), ('opus', None))
    """
    base, at, setting = name.partition("@")
    if not base or (at and not setting):
        raise UsageError(f"{name!r} is not a system: write CODEC or CODEC@SETTING, e.g. opus@6000")
    return base, setting if at else None


def _systems_of(name: str, asked: _Asked) -> list[System]:
    if name.startswith("files:"):
        files = DecodedFiles(name.removeprefix("files:"))
        return [System(files.name, files)]
    if name == GroundTruth.name:
        return [System(name, GroundTruth())]
    base, setting = split_setting(name)
    try:
        cls = _imported(base)
    except UsageError as error:
        if not isinstance(error.__cause__, SpecError):
            raise
        return [System(name, Broken(name, error.__cause__))]
    try:
        return contained(_settings_of, cls, base, setting, asked)
    except CodecBenchError:
        raise
    except Exception as error:
        if source_of(cls) is None:
            raise
        return [System(name, Broken(name, error, cls))]


def _settings_of(cls: type[Codec], base: str, setting: str | None, asked: _Asked) -> list[System]:
    """The systems of a codec: at one setting, or at all its standard ones."""
    _check_complete(cls)
    _check_runs(cls, base)
    setting, precision = split_precision(setting)
    if cls.modes:
        modes = cls.modes if setting is None else (setting,)
        return [_system(base, mode, _computing(_checked(cls(mode)), precision)) for mode in modes]
    # The object is shared by all numbers of codebooks; the system knows how many it has.
    shared = _computing(_checked(cls()), precision)
    available = len(shared.spec.codebooks)
    counts = list(asked.codebooks)
    if setting is not None:
        named = count_of(cls, setting)
        if counts not in ([], [named]):
            given = ",".join(map(str, counts))
            raise UsageError(f"{base}@{setting} and --codebooks {given} contradict each other: leave one of them out")
        counts = [named]
    if not available or not (counts or cls.prefixes):
        if setting is not None:
            asked.check(shared, counts[0])
        return [_system(base, None, shared, available or None)]
    counts = counts or (list(cls.prefixes) if asked.sweeps else [available])
    for count in counts:
        asked.check(shared, count)
    return [_system(base, count, shared, count) for count in counts]


def _system(base: str, setting: str | int | None, made: Codec, codebooks: int | None = None) -> System:
    """A codec at a setting, as its row is called: by the name that a class of the user's gives itself, unless that is
    the name of another codec, which a reader would take it for.
    """
    parts = [str(setting)] * (setting is not None) + [made.precision] * bool(made.precision)
    at = f"@{':'.join(parts)}" if parts else ""
    is_free = made.name not in CODECS.names() or CODECS.gives(made.name, type(made))
    is_name = made.name.isprintable() and made.name == made.name.strip() and not {"@", ":"} & set(made.name)
    called = made.name if ":" in base and is_free and is_name and made.name != GroundTruth.name else base
    return System(f"{called}{at}", made, codebooks, "" if called == base else f"{base}{at}")


def _computing(made: Codec, precision: str) -> Codec:
    """A codec that computes in a precision; in its own where none is named."""
    if precision:
        made.use_precision(precision)
    return made


def systems_of(made: Codec, codebooks: Sequence[int] = ()) -> list[System]:
    """The systems of an object: at its own setting, or at other numbers of codebooks.

    Raises:
        UsageError: It has no such number of codebooks.
        SpecError: It does not say what all codecs say.
    """
    _checked(made)
    available = len(made.spec.codebooks)
    counts = list(codebooks) if available else []
    for count in counts:
        if reason := made.cannot_decode(count):
            raise UsageError(reason)
    if not counts and (made.codebooks or made.prefixes) and available:
        counts = [made.codebooks or available]
    at = "" if made.mode is None else f"@{made.mode}"
    if not counts or at:
        return [System(f"{made.name}{at}", made, made.codebooks or available or None)]
    return [System(f"{made.name}@{count}", made, count) for count in counts]


def _checked(made: Codec) -> Codec:
    """Raises a `SpecError` where a codec does not say what all of them say."""
    name = getattr(made, "name", None)
    if not (isinstance(name, str) and name):
        raise SpecError(f"its class gives no `name`, as in name = 'my-codec', but {name!r:.60}")
    if not isinstance(made.spec, CodecSpec):
        raise SpecError(f"its `spec` is a CodecSpec, not {made.spec!r:.60}")
    if not (made.spec.input_rate and made.spec.output_rate):
        raise SpecError("`input_rate` and `output_rate` of its CodecSpec are whole numbers of Hz, at least 1, not 0")
    if not hasattr(made, "mode"):
        raise SpecError("its __init__ does not call super().__init__(mode, codebooks)")
    return made


def check_names(systems: Iterable[System]) -> None:
    """Raises where two codecs have one name, which tables, devices and files would take for one.

    Raises:
        UsageError: They do; the message says where each is.
    """
    known: dict[str, type[Codec]] = {}
    for system in systems:
        if isinstance(system.source, Codec):
            cls = type(system.source)
            other = known.setdefault(system.source.name, cls)
            if other is not cls:
                one, two = (f"{c.__module__}:{c.__qualname__}" for c in (other, cls))
                raise UsageError(f"{one} and {two} both have the name {system.source.name!r}: give one another `name`")


def _imported(name: str) -> type[Codec]:
    cls = CODECS.get(name)
    if not (isinstance(cls, type) and issubclass(cls, Codec)):
        raise UsageError(f"{name} is not a codec class")
    return cls


def _check_complete(cls: type[Codec]) -> None:
    """Raises a `SpecError` where a class lacks what it must have, which Python says at length."""
    if lacking := sorted(getattr(cls, "__abstractmethods__", ())):
        methods = " and ".join(f"`{method}`" for method in lacking)
        raise SpecError(
            f"it lacks {methods}: docs/adding-a-codec.md shows a whole codec, and codec-bench new codec NAME writes one"
        )


def _check_runs(cls: type[Codec], name: str) -> None:
    if reason := cls.unsupported():
        raise UnavailableError(f"{name} cannot run here: {reason}")


def fetch_weights(made: Codec) -> None:
    """Brings the files that a codec needs and checks them.

    Raises:
        UnavailableError: One of them is unavailable.
    """
    if made.live:
        return
    try:
        fetch_all(made.needed_weights(), f"codec:{made.name}")
    except UnavailableError as error:
        reason = made.unsupported() or type(made).lacking(missing(made.needed_weights()))
        detail = f"{reason} ({error})" if reason else str(error)
        raise UnavailableError(f"{made.name} cannot run here: {detail}") from None


def ready(systems: Sequence[System], *, keeps_broken: bool = False) -> tuple[System, ...]:
    """Brings the files of every codec once, and asks plug-ins for their address.

    Args:
        systems: Any number of systems.
        keeps_broken: As for `parse_systems`.

    Returns:
        The systems, those as `Broken` whose plug-in raises.

    Raises:
        UsageError: A file is unavailable; without `keeps_broken`, also where a plug-in raises.
    """
    broken: dict[int, Exception] = {}
    for codec in {id(s.source): s.source for s in systems if isinstance(s.source, Codec)}.values():
        try:
            contained(_make_ready, codec)
        except CodecBenchError:
            raise
        except Exception as error:
            if codec.plug_in is None:
                raise
            broken[id(codec)] = error
    made = []
    for system in systems:
        raised = broken.get(id(system.source))
        if raised is None:
            made.append(system)
            continue
        source = Broken(system.spelling, raised, type(system.source))
        if not keeps_broken:
            raise UsageError(source.reason)
        made.append(System(system.label, source))
    return tuple(made)


def _make_ready(codec: Codec) -> None:
    if codec.plug_in is not None and not all(isinstance(weight, RemoteFile) for weight in codec.needed_weights()):
        raise SpecError(f"`needed_weights` gives RemoteFile(path, sha256), not {codec.needed_weights()!r:.60}")
    fetch_weights(codec)
    if codec.plug_in is not None:
        address(fingerprint=codec.fingerprint, weights=codec.weight_digests())


def with_setting(cls: type[Codec], setting: str | None) -> Codec:
    """A codec at a setting, which is a mode if the codec has modes, otherwise a number of codebooks, and its precision.

    Raises:
        UsageError: There is no such setting.
    """
    setting, precision = split_precision(setting)
    made = cls(setting) if cls.modes or setting is None else cls(codebooks=count_of(cls, setting))
    return _computing(made, precision)


def count_of(cls: type[Codec], setting: str) -> int:
    """The number of codebooks that a setting of a codec without modes is.

    Raises:
        UsageError: It is no number.
    """
    try:
        return int(setting)
    except ValueError:
        raise cls.no_such_mode(setting) from None
