"""Conditions: what a codec is given besides clean recordings, one after the other: noise, rooms, levels, pieces.

A condition turns a recording into the pieces that are coded, and says how the decoded pieces become the decoded audio
of the utterance. An `Alteration` changes what the codec hears; `Segmented` and `Concatenated` leave the signal alone
and change how much of it is coded at once.

What is drawn by chance depends on the recording's digest, the kind of condition and the seed of the run, and on nothing
else: not on the order, the number of processes, or the value of the condition. So rows of one kind differ in the value
alone: `noise@20` and `noise@0` have the same noise.
"""

from __future__ import annotations

import io
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import AUDIO_SUFFIXES, RESAMPLER, Audio, FloatArray, length_at, read_audio, resample
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.files import digest
from codec_bench.fingerprint import address, package_versions
from codec_bench.hub import local_digest
from codec_bench.records import NotScorable, Status
from codec_bench.registry import unknown

if TYPE_CHECKING:
    from codec_bench.runs.plan import Item

Array = NDArray[np.float64]
Read = Callable[["Item"], Audio]

GRID = 50
"""Cuts lie on multiples of 1/50 s, which is a whole number of samples at every usual rate: a decoded piece that began
between two samples would be shifted against its recording."""

LTASS_HZ = (
    63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300,
    8000, 10000, 12500, 16000,
)  # fmt: skip
LTASS_DB = (
    38.6, 43.5, 54.4, 57.7, 56.8, 60.2, 60.3, 59.0, 62.1, 62.1, 60.5, 56.8, 53.7, 53.0, 52.0, 48.7, 48.1, 46.8, 45.6,
    44.5, 44.3, 43.7, 43.4, 41.3, 40.7,
)  # fmt: skip
"""Third-octave levels of the long-term average speech spectrum, men and women, of Byrne et al., An international
comparison of long-term average speech spectra, J. Acoust. Soc. Am. 96 (1994)."""

ROOM_METRES = ((5.0, 9.0), (4.0, 7.0), (2.5, 4.0))
"""Length, width and height that a simulated room is drawn from."""
DISTANCE_METRES = (0.5, 2.0)
"""Distance that talker and microphone of a simulated room are drawn from."""
HEIGHT_METRES = (1.1, 1.8)
"""Height of both."""
WALL_METRES = 0.5
"""Nothing stands nearer to a wall."""
CORRECTIONS = 8
"""How often the decay is corrected: once would do if it were an exponential."""


@dataclass(frozen=True)
class Piece:
    """Something that is coded at once.

    Attributes:
        address: Its content address, in the place of a recording's digest.
        audio: Makes it; called only where no cache has its code.
    """

    address: str
    audio: Callable[[], Audio]


@dataclass(frozen=True)
class Condition(ABC):
    """One condition at one value.

    Class attributes:
        name: What is written before the `@`.
        takes: What the value is, for messages.
        low: Smallest value.
        high: Largest value.
        default: Value where none is written; None where one must be.
        version: Raised whenever what the condition does changes.
        packages: Distributions whose installed version decides the result.
    """

    name: ClassVar[str]
    takes: ClassVar[str]
    low: ClassVar[float]
    high: ClassVar[float]
    default: ClassVar[float | None] = None
    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ()

    value: float

    @property
    def label(self) -> str:
        """`noise@10`: what is written behind the `+` of a row."""
        return f"{self.name}@{self.value:g}"

    @property
    @abstractmethod
    def note(self) -> str:
        """One line for tables: what was done."""

    @cached_property
    def fingerprint(self) -> str:
        """Content address of everything that decides what the condition does, given a recording."""
        return address(
            condition=self.name,
            value=self.value,
            version=self.version,
            packages=package_versions(self.packages),
            **self._parts(),
        )

    def _parts(self) -> dict[str, Any]:
        """More that decides it: seed, files."""
        return {}

    def describe(self) -> dict[str, Any]:
        """The condition as `run.json` keeps it."""
        return {
            "label": self.label,
            "name": self.name,
            "value": self.value,
            "note": self.note,
            "version": self.version,
            "packages": package_versions(self.packages),
            "fingerprint": self.fingerprint,
        } | self._parts()

    def bound(self, items: Sequence[Item]) -> Condition:
        """The condition for the utterances of a run."""
        return self

    def address(self, item: Item) -> str:
        """Content address of an utterance under the condition, known before anything is read but the plan.

        Raises:
            NotScorable: The utterance cannot be used.
        """
        return address(condition=self.fingerprint, recording=item.digest)

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """What is coded for an utterance.

        Args:
            item: The utterance.
            read: Gives what the codec hears of an utterance.
        """
        return [Piece(self.address(item), lambda: read(item))]

    def assembled(self, item: Item, decoded: Sequence[Audio]) -> Audio:
        """The decoded audio of an utterance, from that of its pieces."""
        return decoded[0]

    def share(self, item: Item) -> float:
        """Which part of the bits and seconds of the pieces is the utterance's."""
        return 1


@dataclass(frozen=True)
class Clean(Condition):
    """The recording as it is."""

    name = "clean"
    takes = "no value"
    low = high = 0.0
    value: float = 0.0

    @property
    def note(self) -> str:
        """Nothing to say."""
        return ""

    @property
    def label(self) -> str:
        """Nothing is written behind a clean row."""
        return ""

    def address(self, item: Item) -> str:
        """The digest of the recording."""
        return item.digest


# --- what the codec hears ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Altered:
    """An altered recording, of the rate and length of the recording.

    Attributes:
        audio: Within full scale, or within the recording's own peak where that lies above.
        turned_down_db: By how much the whole was attenuated so that it does not clip; 0 where it was not.
        clipped: Samples that were clipped.
        unchanged: Whether the condition has no effect on this recording.
    """

    audio: Audio
    turned_down_db: float = 0.0
    clipped: int = 0
    unchanged: bool = False


class Alteration(Condition):
    """A condition that changes the recording before it is coded.

    All codecs get the very same samples, within full scale: what lies above would be clipped by the codecs that take
    16 bits and by no other. An alteration that exceeds full scale is attenuated as a whole, speech and noise alike, and
    the run says by how much.
    """

    def altered(self, recording: Audio, identity: str) -> Altered:
        """The altered recording.

        Args:
            recording: Mono audio of any rate.
            identity: Digest of the recording, which decides what is drawn by chance.

        Raises:
            NotScorable: The recording is empty, not finite or silent, or a sound file cannot be used.
        """
        recording.check("the recording")
        if recording.is_silent:
            raise NotScorable(f"the recording is silent: there is nothing for {self.label} to alter", Status.SILENT)
        changed = self._changed(recording, identity)
        if changed is None:
            return Altered(recording, unchanged=True)
        return self._limited(changed, recording.rate, max(1.0, recording.peak))

    def _limited(self, changed: Array, rate: int, full_scale: float) -> Altered:
        """Changed samples within full scale."""
        gain = min(1.0, full_scale / float(np.abs(changed).max()))
        samples = np.clip(gain * changed, -full_scale, full_scale).astype(np.float32)
        return Altered(Audio(samples, rate), turned_down_db=-20 * math.log10(gain) if gain < 1 else 0.0)

    @abstractmethod
    def _changed(self, recording: Audio, identity: str) -> Array | None:
        """Changed samples `[n]`, whatever their peak; None where nothing changes."""


@dataclass(frozen=True)
class Sounds:
    """The audio files of a folder by content, so that names and folders do not matter.

    Attributes:
        files: Path by SHA-256, in the order of the digests.
    """

    files: Mapping[str, Path]

    @classmethod
    def of(cls, folder: Path) -> Sounds:
        """Finds and hashes every audio file below a folder.

        Raises:
            UsageError: There is no such folder, no audio in it, or a file cannot be read.
        """
        if not folder.is_dir():
            raise UsageError(f"{folder} is {'no folder' if folder.exists() else 'not there'}")
        try:
            paths = [p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES and not p.name.startswith(".")]
            found = {local_digest(path): path for path in sorted(paths) if path.is_file()}
        except OSError as error:
            raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error
        if not found:
            raise UsageError(f"no audio file is below {folder}; these are looked for: {', '.join(AUDIO_SUFFIXES)}")
        return cls(dict(sorted(found.items())))

    def drawn(self, random: np.random.Generator) -> tuple[Path, bytes]:
        """A file by chance, and its content.

        Raises:
            NotScorable: It is gone, or another file than it was.
        """
        wanted = list(self.files)[int(random.integers(len(self.files)))]
        path = self.files[wanted]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise NotScorable(f"{path} cannot be read: {error.strerror}", Status.UNREADABLE) from error
        if digest(data) != wanted:
            raise NotScorable(f"{path} changed while the run was going on", Status.UNREADABLE)
        return path, data


@dataclass(frozen=True)
class _Drawn(Alteration):
    """An alteration that draws something for each recording.

    Attributes:
        seed: Of the run.
        sounds: Files to draw from; None for what ships.
    """

    seed: int = 0
    sounds: Sounds | None = None

    def _parts(self) -> dict[str, Any]:
        files = [] if self.sounds is None else list(self.sounds.files)
        return {"seed": self.seed, "files": len(files), "files_sha256": address(files=files) if files else None}

    def _random(self, identity: str) -> np.random.Generator:
        """PCG64, seeded with SHA-256 over the kind of condition, the seed and the recording."""
        number = int(address(draw=self.name, seed=self.seed, recording=identity), 16)
        return np.random.Generator(np.random.PCG64(number))


@dataclass(frozen=True)
class Noise(_Drawn):
    """`noise@SNR_DB`: additive noise.

    The signal-to-noise ratio holds exactly: mean power of the whole recording, pauses included, over that of the noise,
    before anything is attenuated. (It is no active speech level as in ITU-T P.56; with pauses, the ratio during speech
    is some dB higher.) The noise is stationary and has the long-term average speech spectrum of Byrne et al. (1994)
    between 56 Hz and 18 kHz; or it comes from the files of a folder: one is drawn, several channels are averaged, it is
    resampled, begins at a drawn place, and goes round to its start where it is short.
    """

    name = "noise"
    takes = "an SNR in dB"
    low = -40.0
    high = 100.0
    packages = ("numpy", "scipy", "soxr")

    @property
    def note(self) -> str:
        """What was done."""
        kind = "speech-shaped noise" if self.sounds is None else f"noise from {len(self.sounds.files)} files"
        return f"{kind} at {self.value:g} dB SNR over the whole recording"

    def _parts(self) -> dict[str, Any]:
        return super()._parts() | {"resampler": RESAMPLER}

    def _changed(self, recording: Audio, identity: str) -> Array:
        speech = recording.samples.astype(np.float64)
        random = self._random(identity)
        if self.sounds is None:
            noise = speech_shaped_noise(len(speech), recording.rate, random)
        else:
            noise = self._from_file(self.sounds, len(speech), recording.rate, random)
        power = float(np.mean(np.square(noise)))
        if not power > 0:
            raise NotScorable("the noise is silent as long as the recording lasts", Status.UNREADABLE)
        wanted = float(np.mean(np.square(speech))) / 10 ** (self.value / 10)
        return np.asarray(speech + noise * math.sqrt(wanted / power))

    @staticmethod
    def _from_file(sounds: Sounds, length: int, rate: int, random: np.random.Generator) -> Array:
        path, data = sounds.drawn(random)
        found = read_audio(data, str(path))
        found.check(str(path))
        samples = resample(found, rate).samples.astype(np.float64)
        start = int(random.random() * len(samples))
        return np.take(samples, np.arange(start, start + length), mode="wrap")


def speech_shaped_noise(length: int, rate: int, random: np.random.Generator) -> Array:
    """Gaussian noise with the long-term average speech spectrum, float64 `[length]`, of no particular level."""
    from scipy.fft import irfft, rfft, rfftfreq

    frequencies = rfftfreq(length, 1 / rate)
    centres = np.array(LTASS_HZ, np.float64)
    density = np.array(LTASS_DB) - 10 * np.log10(centres)  # a third of an octave is as wide as its centre is high
    inside = (frequencies > centres[0] * 2 ** (-1 / 6)) & (frequencies < centres[-1] * 2 ** (1 / 6))
    gain = np.zeros(len(frequencies))
    gain[inside] = 10 ** (np.interp(np.log(frequencies[inside]), np.log(centres), density) / 20)
    return np.asarray(irfft(gain * rfft(random.standard_normal(length)), length), np.float64)


@dataclass(frozen=True)
class Reverb(_Drawn):
    """`reverb@T60_SECONDS`: a room.

    The recording is convolved with an impulse response whose direct sound has gain 1 and no delay, so that a perfect
    codec shows no delay against the clean recording; what sounds after the recording's end is cut.

    The response is that of a simulated shoebox room (image sources, pyroomacoustics), drawn for each recording: 5-9 x
    4-7 x 2.5-4 m, talker and microphone 0.5-2 m apart, both 1.1-1.8 m high and 0.5 m or more from the walls. All walls
    absorb alike, as Sabine's formula asks; then an exponential corrects the decay to the reverberation time (-5 to
    -35 dB of Schroeder's integral). Or it comes from a folder with impulse responses: one is drawn; its first channel,
    resampled; the direct sound is the largest sample; the reverberation time is whatever it has.
    """

    name = "reverb"
    takes = "a reverberation time (T60) in seconds"
    low = 0.3
    high = 1.0
    default = 0.5
    packages = ("numpy", "pyroomacoustics", "scipy", "soxr")

    @property
    def label(self) -> str:
        """`reverb@0.5`, or `reverb` where the reverberation time is that of files."""
        return self.name if self.sounds is not None else f"{self.name}@{self.value:g}"

    @property
    def note(self) -> str:
        """What was done."""
        if self.sounds is not None:
            return f"rooms from {len(self.sounds.files)} impulse responses, direct sound at its time and level"
        return f"simulated shoebox rooms, T60 {self.value:g} s, direct sound at its time and level"

    def _parts(self) -> dict[str, Any]:
        return super()._parts() | {"resampler": RESAMPLER}

    def _changed(self, recording: Audio, identity: str) -> Array:
        from scipy.signal import fftconvolve

        response, direct = self.response(recording.rate, identity)
        wet = fftconvolve(recording.samples.astype(np.float64), response)
        return np.asarray(wet[direct : direct + len(recording)])

    def response(self, rate: int, identity: str) -> tuple[Array, int]:
        """An impulse response `[n]` at `rate`, its direct sound at 1, and at which sample that is.

        Raises:
            NotScorable: A file cannot be used.
        """
        random = self._random(identity)
        if self.sounds is None:
            return simulated_room(self.value, rate, random)
        samples = self._from_file(self.sounds, rate, random)
        direct = int(np.argmax(np.abs(samples)))
        return samples / samples[direct], direct

    @staticmethod
    def _from_file(sounds: Sounds, rate: int, random: np.random.Generator) -> Array:
        import soundfile

        path, data = sounds.drawn(random)
        try:
            # Not read_audio: the mean over the microphones of an array is the response of no room.
            samples, file_rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise NotScorable(
                f"{path} is no audio that can be read: {error.error_string}", Status.UNREADABLE
            ) from error
        found = Audio(np.ascontiguousarray(samples[:, 0], np.float32), int(file_rate))
        found.check(str(path))
        if found.is_silent:
            raise NotScorable(f"{path} is silent: it is no impulse response", Status.UNREADABLE)
        return resample(found, rate).samples.astype(np.float64)


def simulated_room(seconds: float, rate: int, random: np.random.Generator) -> tuple[Array, int]:
    """The impulse response of a drawn shoebox room.

    Args:
        seconds: Reverberation time.
        rate: Sampling rate in Hz.
        random: What the room and the places in it are drawn with.

    Returns:
        The response, float64 `[n]`, with a direct sound of 1, and at which sample that is.
    """
    import pyroomacoustics

    edges = np.array([random.uniform(low, high) for low, high in ROOM_METRES])
    speed = float(pyroomacoustics.constants.get("c"))
    # A direct sound that arrives between two samples would be spread over several, and be late by a part of one.
    delay = max(1, round(random.uniform(*DISTANCE_METRES) * rate / speed))
    angle = random.uniform(0, 2 * math.pi)
    apart = delay * speed / rate * np.array([math.cos(angle), math.sin(angle), 0.0])
    margin = WALL_METRES + np.abs(apart) / 2
    middle = random.uniform(margin, edges - margin)
    middle[2] = random.uniform(*HEIGHT_METRES)
    absorption, order = pyroomacoustics.inverse_sabine(seconds, edges)
    pyroomacoustics.constants.set("num_threads", 1)  # several threads sum in an order of their own
    room = pyroomacoustics.ShoeBox(edges, fs=rate, materials=pyroomacoustics.Material(absorption), max_order=order)
    room.add_source(middle + apart / 2)
    room.add_microphone(middle - apart / 2)
    room.compute_rir()
    direct = delay + int(pyroomacoustics.constants.get("frac_delay_length")) // 2
    response = np.asarray(room.rir[0][0], np.float64)
    response /= response[direct]
    times = np.maximum(np.arange(len(response)) - direct, 0) / rate
    for _ in range(CORRECTIONS):
        response *= 10 ** (-3 * times * (1 / seconds - 1 / decay_seconds(response[direct:], rate)))
    return response, direct


def decay_seconds(response: Array, rate: int) -> float:
    """Reverberation time (T30 of ISO 3382): the slope of Schroeder's integral from -5 to -35 dB, as a line fits it."""
    left = np.cumsum(np.square(response)[::-1])[::-1]
    level = 10 * np.log10(left / left[0] + 1e-20)
    first, last = (int(np.argmax(level < db)) for db in (-5, -35))
    slope = np.polyfit(np.arange(first, last) / rate, level[first:last], 1)[0]
    return float(-60 / slope)


@dataclass(frozen=True)
class Gain(Alteration):
    """`gain@DB`: another level; what exceeds full scale is clipped, as it is in a recording that was made too loud."""

    name = "gain"
    takes = "a gain in dB"
    low = -80.0
    high = 40.0

    @property
    def note(self) -> str:
        """What was done."""
        return f"level changed by {self.value:+g} dB{', clipped at full scale' if self.value > 0 else ''}"

    def _changed(self, recording: Audio, identity: str) -> Array:
        return np.asarray(10 ** (self.value / 20) * recording.samples.astype(np.float64))

    def _limited(self, changed: Array, rate: int, full_scale: float) -> Altered:
        """Clipped: attenuated, it would be the recording again."""
        samples = np.clip(changed, -full_scale, full_scale).astype(np.float32)
        return Altered(Audio(samples, rate), clipped=int((np.abs(changed) > full_scale).sum()))


@dataclass(frozen=True)
class Band(Alteration):
    """`band@HZ`: nothing above a frequency.

    A linear-phase low-pass (Hamming window, 32 ms long, -6 dB at HZ, about 100 Hz wide) whose delay is removed. A
    recording that has nothing above HZ, because of its rate, stays as it is, and the run says so.
    """

    name = "band"
    takes = "a cut-off in Hz"
    low = 100.0
    high = 96_000.0
    packages = ("scipy",)

    @property
    def note(self) -> str:
        """What was done."""
        return f"low-pass, -6 dB at {self.value:g} Hz, no delay"

    def _changed(self, recording: Audio, identity: str) -> Array | None:
        from scipy.signal import fftconvolve, firwin

        if self.value >= recording.rate / 2:
            return None
        half = round(0.016 * recording.rate)
        response = firwin(2 * half + 1, self.value, fs=recording.rate)
        filtered = fftconvolve(recording.samples.astype(np.float64), response)
        return np.asarray(filtered[half : half + len(recording)])


# --- how much is coded at once -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Segmented(Condition):
    """`segment@SECONDS`: consecutive pieces, each coded on its own as if nothing had been before.

    The decoded pieces are joined without overlap, and metrics see whole utterances. A last piece that is shorter than a
    fifth of the length is part of the one before. Bits and seconds are the sums.
    """

    name = "segment"
    takes = "a length in seconds, in steps of 0.02,"
    low = 0.1
    high = 600.0

    @property
    def note(self) -> str:
        """What was done."""
        return f"pieces of {self.value:g} s, each coded on its own, joined before scoring"

    def bounds(self, samples: int, rate: int) -> list[tuple[int, int]]:
        """First sample and end of each piece of a recording."""
        count = max(1, math.ceil(samples / (self.value * rate)))
        starts = [round(i * self.value * rate) for i in range(count)]
        if count > 1 and samples - starts[-1] < 0.2 * self.value * rate:
            del starts[-1]
        return list(zip(starts, [*starts[1:], samples], strict=True))

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """The pieces in their order."""
        audio = read(item)
        bounds = self.bounds(len(audio), audio.rate)
        if len(bounds) == 1:
            return [Piece(item.digest, lambda: audio)]

        def piece(start: int, stop: int) -> Piece:
            place = address(recording=item.digest, start=start, stop=stop)
            return Piece(place, lambda: Audio(audio.samples[start:stop], audio.rate))

        return [piece(start, stop) for start, stop in bounds]

    def assembled(self, item: Item, decoded: Sequence[Audio]) -> Audio:
        """The decoded pieces one after the other."""
        return Audio(np.concatenate([audio.samples for audio in decoded]), decoded[0].rate)


@dataclass(frozen=True)
class Joined:
    """Recordings that are coded as one.

    Attributes:
        items: The utterances in their order.
        samples: Length of each recording.
        rate: Sampling rate of all of them in Hz.
    """

    items: tuple[Item, ...]
    samples: tuple[int, ...]
    rate: int

    @property
    def seconds(self) -> float:
        """What they last together, without the zeros between them."""
        return sum(self.samples) / self.rate

    @cached_property
    def address(self) -> str:
        """Content address; that of the recording where it is alone."""
        if len(self.items) == 1:
            return self.items[0].digest
        return address(joined=[item.digest for item in self.items], grid=GRID)

    @property
    def starts(self) -> list[int]:
        """First sample of each recording; zeros fill up to the grid."""
        step = self.rate // math.gcd(self.rate, GRID)
        padded = [-(-n // step) * step for n in self.samples]
        return list(accumulate(padded[:-1], initial=0))

    def audio(self, read: Read) -> Audio:
        """The recordings one after the other."""
        joined: FloatArray = np.zeros(self.starts[-1] + self.samples[-1], np.float32)
        for item, start, length in zip(self.items, self.starts, self.samples, strict=True):
            found = read(item)
            if (len(found), found.rate) != (length, self.rate):
                raise NotScorable(f"{item.utterance.path} changed while the run was going on", Status.UNREADABLE)
            joined[start : start + length] = found.samples
        return Audio(joined, self.rate)

    def cut(self, index: int, decoded: Audio) -> Audio:
        """The part of the decoded audio that is one recording's."""
        start, stop = self.starts[index], self.starts[index] + self.samples[index]
        first, end = (length_at(n, self.rate, decoded.rate) for n in (start, stop))
        return Audio(np.ascontiguousarray(decoded.samples[first:end]), decoded.rate)


@dataclass(frozen=True)
class Concatenated(Condition):
    """`concat@SECONDS`: recordings are joined until they last so long, coded as one, and cut apart again.

    They are joined in the order of their ids within a speaker (all of unknown speaker count as one) and a sampling
    rate; what is left over at the end of a speaker belongs to the last group. Zeros fill each up to a multiple of
    0.02 s (0.04 s at 11025 Hz), so that every cut falls on a whole sample. Each utterance is scored on its own; bits
    and seconds are shared in proportion to length. The groups depend on the utterances of the run.

    Attributes:
        groups: By utterance id, with the place in the group.
        unusable: Recordings that are in no group, by utterance id.
    """

    name = "concat"
    takes = "a length in seconds"
    low = 1.0
    high = 3600.0

    groups: Mapping[str, tuple[Joined, int]] = field(default_factory=dict)
    unusable: Mapping[str, NotScorable] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """What was done."""
        return f"utterances of one speaker joined to {self.value:g} s or more, coded as one, cut apart before scoring"

    def describe(self) -> dict[str, Any]:
        """The condition as `run.json` keeps it, with the ids of each group."""
        groups = {group.address: [i.utterance.id for i in group.items] for group, _ in self.groups.values()}
        return super().describe() | {"groups": list(groups.values())}

    def bound(self, items: Sequence[Item]) -> Concatenated:
        """Forms the groups, for which every recording is read once."""
        lengths: dict[str, tuple[int, int]] = {}
        unusable: dict[str, NotScorable] = {}
        for item in items:
            try:
                if item.problem:
                    raise NotScorable(item.problem, item.status)
                audio = read_audio(item.utterance.path)
                audio.check("the recording")
                lengths[item.utterance.id] = (len(audio), audio.rate)
            except NotScorable as outcome:
                unusable[item.utterance.id] = outcome
        chains: dict[tuple[str, int], list[Item]] = {}
        for item in sorted(items, key=lambda i: i.utterance.id):
            if item.utterance.id in lengths:
                rate = lengths[item.utterance.id][1]
                chains.setdefault((item.utterance.speaker or "", rate), []).append(item)
        found = [
            Joined(tuple(group), tuple(lengths[i.utterance.id][0] for i in group), rate)
            for (_, rate), chain in chains.items()
            for group in self._split(chain, [lengths[i.utterance.id][0] / rate for i in chain])
        ]
        groups = {item.utterance.id: (group, i) for group in found for i, item in enumerate(group.items)}
        return replace(self, groups=groups, unusable=unusable)

    def _split(self, chain: Sequence[Item], seconds: Sequence[float]) -> list[list[Item]]:
        """Groups that last long enough, as far as there is enough."""
        groups: list[list[Item]] = [[]]
        total = 0.0
        for item, length in zip(chain, seconds, strict=True):
            if total >= self.value:
                groups.append([])
                total = 0.0
            groups[-1].append(item)
            total += length
        if total < self.value and len(groups) > 1:
            rest = groups.pop()
            groups[-1] += rest
        return groups

    def _place(self, item: Item) -> tuple[Joined, int]:
        name = item.utterance.id
        if name in self.unusable:
            raise NotScorable(self.unusable[name].reason, self.unusable[name].status)
        return self.groups[name]

    def address(self, item: Item) -> str:
        """Content address of the group and the place in it."""
        group, index = self._place(item)
        return group.address if len(group.items) == 1 else address(cut_from=group.address, index=index)

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """The group, the same piece for each of its utterances."""
        group, _ = self._place(item)
        return [Piece(group.address, lambda: group.audio(read))]

    def assembled(self, item: Item, decoded: Sequence[Audio]) -> Audio:
        """The utterance's part of the group."""
        group, index = self._place(item)
        return group.cut(index, decoded[0])

    def share(self, item: Item) -> float:
        """The utterance's part of the length of the group."""
        group, index = self._place(item)
        return group.samples[index] / sum(group.samples)


CONDITIONS: dict[str, type[Condition]] = {c.name: c for c in (Noise, Reverb, Gain, Band, Segmented, Concatenated)}
"""What can be asked for, by name."""


def parse_conditions(
    names: Iterable[str], seed: int = 0, noise_dir: Path | None = None, room_dir: Path | None = None
) -> tuple[Condition, ...]:
    """The conditions that names stand for, in order, each once.

    Args:
        names: `noise@10`, `reverb`, `segment@1.0`.
        seed: Of what conditions draw.
        noise_dir: Folder with noise files.
        room_dir: Folder with room impulse responses.

    Raises:
        UsageError: An unknown condition, a value that it cannot have, or a folder that nothing uses or that has no
            audio.

    >>> [c.label for c in parse_conditions(["noise@10", "segment@1.0", "noise@10.0"])]
    ['noise@10', 'segment@1']
    """
    asked = [_value_of(name) for name in names]
    if room_dir is not None and any(cls is Reverb and value is not None for cls, value in asked):
        raise UsageError("with --room-dir, the reverberation time is that of the files: write reverb, without a value")
    folders = ((Noise, "--noise-dir", noise_dir), (Reverb, "--room-dir", room_dir))
    sounds: dict[type[Condition], Sounds] = {}
    for kind, option, folder in folders:
        if folder is None:
            continue
        if not any(cls is kind for cls, _ in asked):
            raise UsageError(f"{option} was given, but none of the conditions is {kind.name}")
        sounds[kind] = Sounds.of(folder)
    found: dict[str, Condition] = {}
    for cls, value in asked:
        given = cls.default if value is None else value
        assert given is not None, "_value_of lets no value be missing that has no default"
        made = cls(given, seed, sounds.get(cls)) if issubclass(cls, _Drawn) else cls(given)
        found.setdefault(made.label, made)
    if any(isinstance(made, Reverb) and made.sounds is None for made in found.values()):
        _need_pyroomacoustics()
    return tuple(found.values())


def _value_of(name: str) -> tuple[type[Condition], float | None]:
    """The kind and the value that a name asks for; None for the default."""
    base, at, text = name.partition("@")
    if base not in CONDITIONS:
        raise UsageError(unknown("condition", base, list(CONDITIONS)))
    cls = CONDITIONS[base]
    if not at and cls.default is not None:
        return cls, None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    on_grid = cls is not Segmented or math.isclose(value * GRID, round(value * GRID), abs_tol=1e-6)
    if not cls.low <= value <= cls.high or not on_grid:
        given = repr(text) if text else "nothing"
        raise UsageError(f"condition {base} takes {cls.takes} from {cls.low:g} to {cls.high:g}, not {given}")
    return cls, value + 0.0  # no negative zero


def _need_pyroomacoustics() -> None:
    try:
        import pyroomacoustics  # noqa: F401
    except ImportError as error:
        raise UnavailableError(
            f"reverb simulates rooms with pyroomacoustics, which cannot be imported ({error}): pip install "
            "'codec-bench[rooms]', or give impulse responses with --room-dir"
        ) from None
