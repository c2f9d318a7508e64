"""TensorBoard: event files, written by torch; numbers are kept in single precision."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import numpy as np

from codec_bench.audio import read_audio
from codec_bench.tracking.findings import Findings, joined

PACKAGES = ("tensorboard",)


def write(findings: Findings, place: str) -> None:
    """Writes event files into a new folder below `place`, by default `tensorboard/`, which has the run's name."""
    from PIL import Image
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(_new_folder(Path(place or "tensorboard"), findings.title))) as writer:
        for name, value in findings.numbers.items():
            writer.add_scalar(joined(name), value, 0)
        writer.add_text("table", findings.text, 0)
        for title, facts in (("config", findings.config), ("provenance", findings.provenance)):
            told = json.dumps(facts, indent=1, ensure_ascii=False, default=str)
            writer.add_text(title, "\n".join(f"    {line}" for line in told.splitlines()), 0)
        for title, path in findings.pictures.items():
            with Image.open(path) as picture:
                writer.add_image(f"plots/{title}", np.asarray(picture.convert("RGB")), 0, dataformats="HWC")
        for sound in findings.sounds:
            audio = read_audio(sound.path)
            tag = f"audio/{joined((sound.utterance, sound.system))}"
            writer.add_audio(tag, np.clip(audio.samples, -1, 1)[None], 0, sample_rate=audio.rate)


def _new_folder(root: Path, name: str) -> Path:
    """Event files of two runs in one folder would be one run."""
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(folder for folder in map(root.joinpath, names) if not folder.exists())
