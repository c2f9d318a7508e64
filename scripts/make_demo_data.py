"""Make the bundled demo data set: 24 short English sentences spoken by five free offline voices.

The result is committed to the repository, so nobody needs this script to run the benchmark; it is
kept so that the data set can be traced and rebuilt. It needs Linux packages that have nothing to do
with codec-bench itself (on Debian: `apt-get install flite festival festvox-kdlpc16k`) and writes

    OUT/manifest.tsv        id, path, transcript, speaker, language, duration
    OUT/audio/<id>.flac     16 kHz, mono, 16 bit

The same program versions give the same samples each time.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile as sf

Samples = npt.NDArray[np.float64]

SAMPLE_RATE = 16_000
PEAK = 0.6
SILENCE_S = 0.2
FADE_S = 0.02
FRAME_S = 0.01
SPEECH_THRESHOLD_DB = -40.0
DURATION_LIMITS_S = (1.5, 5.0)

APT_PACKAGES = "flite festival festvox-kdlpc16k"
DEFAULT_OUT = Path(__file__).resolve().parents[1] / "codec_bench" / "datasets" / "demo"
COLUMNS = ("id", "path", "transcript", "speaker", "language", "duration")


@dataclass(frozen=True)
class Voice:
    """One synthetic speaker and the sentences it says.

    Attributes:
        name: Short name, the first part of the utterance ids.
        engine: The program that owns the voice; engine and name make up the speaker in the manifest.
        engine_voice: What the engine calls the voice.
        sentences: What it says. They double as the transcripts.
    """

    name: str
    engine: Literal["flite", "festival"]
    engine_voice: str
    sentences: tuple[str, ...]

    @property
    def speaker(self) -> str:
        """Speaker in the manifest, such as `flite-rms`."""
        return f"{self.engine}-{self.name}"


VOICES = (
    Voice(
        name="rms",
        engine="flite",
        engine_voice="rms",
        sentences=(
            "My brother bought a new car at the end of last year.",
            "The judge made a decision after three hours of discussion.",
            "Her voice was so quiet that nobody could hear the joke.",
            "The soldiers marched through the village in the early morning.",
            "They heard a strange sound coming from the roof.",
        ),
    ),
    Voice(
        name="slt",
        engine="flite",
        engine_voice="slt",
        sentences=(
            "We usually have coffee and fresh bread for breakfast.",
            "The children are playing outside in the garden this morning.",
            "It takes pleasure and patience to learn a foreign language.",
            "Both of my parents enjoy long walks in the mountains.",
            "The museum is open on weekdays and closed on Sunday.",
        ),
    ),
    Voice(
        name="awb",
        engine="flite",
        engine_voice="awb",
        sentences=(
            "The old man walked slowly along the river with his dog.",
            "The price of gold went up again during the winter.",
            "You should choose a good pair of shoes for the journey.",
            "What would you like to have for dinner this evening?",
            "The farmer sold his horses and moved to a small town.",
        ),
    ),
    Voice(
        name="kal16",
        engine="flite",
        engine_voice="kal16",
        sentences=(
            "The boys made too much noise in the back of the bus.",
            "The young woman opened the door and looked at the sky.",
            "Our teacher asked us to read the first two pages.",
            "She put the letter on the kitchen table and went to work.",
            "He could not find his keys in the dark room.",
        ),
    ),
    Voice(
        name="ked",
        engine="festival",
        engine_voice="ked_diphone",
        sentences=(
            "I think it will rain later in the afternoon.",
            "I hope you will join us for lunch next Thursday.",
            "The phone was ringing but nobody wanted to answer it.",
            "The doctor told him to stay home for a few days.",
        ),
    ),
)


class SynthesisError(RuntimeError):
    """A synthesiser or one of its voices is missing, or gave something unusable."""


def require_engines() -> None:
    """Check that every program and every flite voice is there before anything is written.

    Raises:
        SynthesisError: Naming what is missing and the packages that bring it.
    """
    missing = [program for program in ("flite", "text2wave") if shutil.which(program) is None]
    if missing:
        raise SynthesisError(f"{' and '.join(missing)} not found: apt-get install {APT_PACKAGES}")
    # Asked for a voice that it lacks, flite speaks with its default voice and exits 0.
    listing = subprocess.run(["flite", "-lv"], check=True, capture_output=True, text=True).stdout
    available = set(listing.partition(":")[2].split())
    absent = [v.engine_voice for v in VOICES if v.engine == "flite" and v.engine_voice not in available]
    if absent:
        raise SynthesisError(f"flite has no voice {', '.join(absent)}: apt-get install {APT_PACKAGES}")


def synthesise(voice: Voice, text: str) -> Samples:
    """Speak one sentence.

    Args:
        voice: Who speaks.
        text: One English sentence.

    Returns:
        Samples in [-1, 1), shape (T,), at `SAMPLE_RATE`, as the engine left them.

    Raises:
        SynthesisError: The engine failed, wrote nothing, or wrote another format.
    """
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder, "speech.wav")
        if voice.engine == "flite":
            command = ["flite", "-voice", voice.engine_voice, "-t", text, "-o", str(wav)]
        else:
            script = Path(folder, "sentence.txt")
            script.write_text(text + "\n", encoding="utf-8")
            command = ["text2wave", "-eval", f"(voice_{voice.engine_voice})", "-o", str(wav), str(script)]
        # Festival reads ~/.festivalrc, which could change the voice: give it an empty home.
        environment = {**os.environ, "HOME": folder}
        result = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        # Festival reports an unknown voice on stderr and exits 0 without a file.
        if result.returncode != 0 or not wav.exists():
            reason = (result.stderr.strip().splitlines() or [f"exit status {result.returncode}"])[-1]
            raise SynthesisError(f"{command[0]} failed for {voice.speaker} ({reason}): apt-get install {APT_PACKAGES}")
        samples, rate = sf.read(wav, dtype="float64")
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise SynthesisError(f"{voice.speaker} gave {rate} Hz, shape {samples.shape}, not {SAMPLE_RATE} Hz mono")
    return np.asarray(samples, dtype=np.float64)


def speech_bounds(samples: Samples) -> tuple[int, int]:
    """Find the first and the last sound.

    Args:
        samples: Shape (T,), at `SAMPLE_RATE`, with at least one frame that is not silent.

    Returns:
        Start and end (exclusive), in samples, of the span between the first and the last frame whose
        level is within `SPEECH_THRESHOLD_DB` of the loudest one.
    """
    frame = round(FRAME_S * SAMPLE_RATE)
    count = len(samples) // frame
    power = np.mean(np.square(samples[: count * frame].reshape(count, frame)), axis=1)
    active = np.flatnonzero(power > power.max() * 10 ** (SPEECH_THRESHOLD_DB / 10))
    return int(active[0]) * frame, int(active[-1] + 1) * frame


def trim(samples: Samples) -> Samples:
    """Leave `SILENCE_S` around the speech.

    What the engine put there is kept as far as it goes, faded at its outer edges so that the noise
    floor of the voice does not start with a click; zeros fill the rest. The speech itself is not faded.

    Args:
        samples: Shape (T,), at `SAMPLE_RATE`.

    Returns:
        Shape (T',): silence, speech, silence.
    """
    margin = round(SILENCE_S * SAMPLE_RATE)
    start, end = speech_bounds(samples)
    head, tail = min(start, margin), min(len(samples) - end, margin)
    kept = samples[start - head : end + tail]
    gain = np.ones(len(kept))
    fade_in, fade_out = rising_edge(head), rising_edge(tail)[::-1]
    gain[: len(fade_in)] = fade_in
    gain[len(kept) - len(fade_out) :] = fade_out
    return np.pad(kept * gain, (margin - head, margin - tail))


def rising_edge(available: int) -> Samples:
    """Give the gains of a raised-cosine fade-in of `FADE_S`, or of `available` samples if those are fewer."""
    length = min(available, round(FADE_S * SAMPLE_RATE))
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1))


def to_pcm16(samples: Samples) -> npt.NDArray[np.int16]:
    """Scale to a peak of `PEAK` and round to 16 bit.

    Args:
        samples: Shape (T,), not all zero.

    Returns:
        Shape (T,), full scale 32768.
    """
    scaled = np.round(samples * (PEAK * 32768 / np.max(np.abs(samples))))
    return np.asarray(scaled, dtype=np.int16)


def make(out: Path) -> int:
    """Write the data set.

    Args:
        out: Folder for `manifest.tsv` and `audio/`; made if it is not there.

    Returns:
        Number of utterances written.

    Raises:
        SynthesisError: An engine is missing or gave something unusable.
    """
    require_engines()
    (out / "audio").mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, ...]] = []
    for voice in VOICES:
        for number, sentence in enumerate(voice.sentences, start=1):
            utterance = f"{voice.name}-{number:02d}"
            pcm = to_pcm16(trim(synthesise(voice, sentence)))
            duration = len(pcm) / SAMPLE_RATE
            if not DURATION_LIMITS_S[0] <= duration <= DURATION_LIMITS_S[1]:
                raise SynthesisError(f"{utterance} lasts {duration:.2f} s, outside {DURATION_LIMITS_S}")
            path = f"audio/{utterance}.flac"
            sf.write(out / path, pcm, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
            rows.append((utterance, path, sentence, voice.speaker, "en", f"{duration:.4f}"))
    with (out / "manifest.tsv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return len(rows)


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, make the data set, and say what was written."""
    parser = argparse.ArgumentParser(description="Make the demo data set of codec-bench (synthetic speech).")
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_OUT,
        help="folder for manifest.tsv and audio/ (default: codec_bench/datasets/demo of this repository)",
    )
    arguments = parser.parse_args(argv)
    try:
        count = make(arguments.out)
    except SynthesisError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    print(f"{count} utterances in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
