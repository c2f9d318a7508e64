"""What a codec says of itself: rates, codebooks, licences, weights. Bitrates follow from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from numbers import Real
from typing import Any, TypeVar

from codec_bench.errors import SpecError, whole_number
from codec_bench.hub import RemoteFile
from codec_bench.registry import unknown
from codec_bench.tokens import Codebook

T = TypeVar("T")


class Group(str, Enum):
    """The families that tables keep apart."""

    REFERENCE = "reference"
    SEMANTIC = "semantic"
    ACOUSTIC = "acoustic"
    CLASSIC = "classic"
    CONTINUOUS = "continuous"
    """Nothing is quantised, so that there is no bitrate; never in a band of one."""


_OPTIONAL = ("hop", "parameters", "packet_bits")

_EARLIEST = -48_000
"""A delay that is a mistake rather than an early output."""

_NUMBERS = (
    ("input_rate", 1, "Hz"),
    ("output_rate", 1, "Hz"),
    ("hop", 1, "samples"),
    ("delay", _EARLIEST, "samples"),
    ("parameters", 0, ""),
    ("min_samples", 0, "samples"),
    ("packet_bits", 1, "bits"),
    ("padding", 0, "samples"),
)
"""Whole numbers of a spec: field, the smallest that it can be, unit."""


@dataclass(frozen=True)
class CodecSpec:
    """What a codec at one mode is.

    Attributes:
        title: Name for people.
        group: Which part of a table it belongs to.
        input_rate: Sampling rate in Hz that `_encode` takes.
        output_rate: Sampling rate in Hz that `_decode` gives.
        codebooks: All codebooks, first one first; empty for a codec with a bitstream.
        semantic_codebooks: Which of them, from 0 on, were made to carry meaning while the others add sound; empty where
            nothing tells them apart.
        hop: Input samples per frame of a codec with a bitstream, which has no codebooks to tell.
        delay: Samples at the output rate by which the decoded audio lags behind the input; they are cut. Negative where
            it comes early: as many zeros stand before it then.
        polarity: 1, or -1 where the decoded waveform is upside down. It stays so; metrics that hear it say so.
        parameters: Number of trained parameters, where there are any and it is known.
        causal: Whether output never depends on later input beyond the frame; None if unknown.
        streaming: Whether the codec can be run frame by frame as it is.
        licence: Licence of the code.
        weights_licence: Licence of the weights if it differs; `not stated` if their authors state none.
        decodes: Whether the codec has a decoder; one without can be probed, and gives no audio.
        min_samples: Input samples that the encoder needs; shorter recordings are padded with zeros at the end.
        source: Paper, standard or repository.
        weights: Files that must be there to run it.
        packet_bits: Payload bits of every packet of a bitstream, without the padding to whole bytes; None if the
            bytes of each packet count.
        configuration: What the code of an isolated codec calls it, where that is not the mode.
        padding: Input samples, besides a frame, by which tokens or packets may last longer or shorter than the input.
        slack: Seconds by which decoded audio may end early, or last longer than its tokens; it is padded or cut.
        stochastic: Whether coding the same recording twice may give different results.
        variable_rate: Whether how many tokens a second has depends on the recording. The hops of the codebooks are then
            the shortest time that a token may stand for, each `Stream` has the rate of its utterance, and bits are
            counted.
        counted_otherwise: Bit/s as its makers count them where they leave out something that the decoder needs, by what
            that is.
        cacheable: For a plug-in that has neither `weights` nor parameters in PyTorch modules: whether its code alone
            decides what it produces, so that later runs may use it. A file that it reads by itself is then not noticed.

    Raises:
        SpecError: A value cannot be. A group may be given by its name, numbers as those of NumPy.
    """

    title: str
    group: Group
    input_rate: int
    output_rate: int
    codebooks: tuple[Codebook, ...] = ()
    hop: int | None = None
    delay: int = 0
    parameters: int | None = None
    causal: bool | None = None
    streaming: bool | None = None
    licence: str = ""
    source: str = ""
    weights: tuple[RemoteFile, ...] = ()
    weights_licence: str = ""
    decodes: bool = True
    min_samples: int = 1
    packet_bits: int | None = None
    configuration: str | None = None
    padding: int = 0
    slack: float = 0.1
    stochastic: bool = False
    variable_rate: bool = False
    cacheable: bool = False
    semantic_codebooks: tuple[int, ...] = ()
    polarity: int = 1
    counted_otherwise: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        self._set("group", _group(self.group))
        self._set("codebooks", _all("codebooks", self.codebooks, Codebook, "Codebook(size, hop)"))
        self._set("weights", _all("weights", self.weights, RemoteFile, "RemoteFile(path, sha256)"))
        is_codec = self.codebooks or self.hop is not None  # audio that exists already has any rate, which 0 says
        for name, least, unit in _NUMBERS:
            value = getattr(self, name)
            if value is not None or name not in _OPTIONAL:
                at_least = 0 if least == 1 and unit == "Hz" and not is_codec else least
                self._set(name, whole_number(f"`{name}` of a CodecSpec", value, at_least, unit))
        if self.polarity not in (1, -1):
            raise SpecError(f"`polarity` of a CodecSpec is 1 or -1, not {self.polarity!r:.60}")
        numbers = _all("semantic_codebooks", self.semantic_codebooks, object, "0")
        marked = tuple(whole_number("`semantic_codebooks` of a CodecSpec", number, 0) for number in numbers)
        if not set(marked) <= set(range(len(self.codebooks))):
            raise SpecError(f"`semantic_codebooks` of a CodecSpec name some of its {len(self.codebooks)}, not {marked}")
        self._set("semantic_codebooks", marked)
        slack: Any = self.slack
        if not (isinstance(slack, Real) and slack >= 0):  # type: ignore[operator] # NaN is not, either
            raise SpecError(f"`slack` of a CodecSpec is a number of seconds, at least 0, not {slack!r:.60}")

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def token_rate(self, codebook: int) -> Fraction:
        """Tokens per second of one codebook; at most so many where the rate is variable."""
        return Fraction(self.input_rate, self.codebooks[codebook].hop)

    @property
    def frame_rate(self) -> float | None:
        """Frames per second; of the fastest codebook where they differ. None where they depend on the recording."""
        if self.variable_rate:
            return None
        hops = [book.hop for book in self.codebooks] or ([self.hop] if self.hop else [])
        return self.input_rate / min(hops) if hops else None

    def bitrate(self, codebooks: int | None = None) -> float | None:
        """Bit/s of the first `codebooks` codebooks: the sum of rate x bits per token. None for a bitstream, and where
        the rate depends on the recording.

        >>> book = Codebook(1024, hop=320)
        >>> CodecSpec("x", Group.ACOUSTIC, 24_000, 24_000, (book,) * 8).bitrate(2)
        1500.0
        """
        if not self.codebooks or self.variable_rate:
            return None
        used = self.codebooks[:codebooks]
        return sum(float(self.input_rate / book.hop) * book.bits for book in used)


def _group(group: object) -> Group:
    try:
        return Group(group)
    except ValueError:
        raise SpecError(f"`group` of a CodecSpec: {unknown('group', str(group), [g.value for g in Group])}") from None


def _all(name: str, values: object, kind: type[T], wanted: str) -> tuple[T, ...]:
    """A field that holds any number of objects of one class."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise SpecError(f"`{name}` of a CodecSpec holds several {kind.__name__}, as in ({wanted},), not {values!r:.60}")
    found = tuple(values)
    for value in found:
        if not isinstance(value, kind):
            raise SpecError(f"`{name}` of a CodecSpec holds {wanted}, not {value!r:.60}")
    return found
