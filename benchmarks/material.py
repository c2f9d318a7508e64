"""Speech that every machine has: the sentences of the demo set, joined and cut to the length that a benchmark wants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from codec_bench import load_codec, load_dataset, read_audio
from codec_bench.audio import Audio, resample

RATE = 16_000


def pairs(count: int, seconds: int, codec: str = "opus@8000") -> list[tuple[Audio, Audio]]:
    """Recordings of one length at 16 kHz, each with what a codec makes of it."""
    coder = load_codec(codec)
    found = []
    for samples in stretches(count, seconds):
        audio = Audio(samples, RATE)
        found.append((audio, resample(coder.decode(coder.encode(audio)), RATE)))
    return found


def stretches(count: int, seconds: int) -> list[np.ndarray]:
    """Speech of one length at 16 kHz, float32 `[n]` each."""
    speech = np.concatenate([resample(read_audio(u.path), RATE).samples for u in load_dataset("demo").utterances()])
    size = seconds * RATE
    speech = np.tile(speech, -(-size // len(speech)))
    starts = np.linspace(0, len(speech) - size, count).astype(int)
    return [np.ascontiguousarray(speech[start : start + size]) for start in starts]


def manifest(folder: Path, count: int, seconds: int) -> Path:
    """The same as a data set of files of 16 bits."""
    rows = ["id\tpath\tspeaker"]
    for number, samples in enumerate(stretches(count, seconds)):
        soundfile.write(folder / f"s{number:03d}.wav", samples, RATE, subtype="PCM_16")
        rows.append(f"s{number:03d}\ts{number:03d}.wav\tspeaker{number % 10}")
    path = folder / "speech.tsv"
    path.write_text("\n".join(rows) + "\n")
    return path
