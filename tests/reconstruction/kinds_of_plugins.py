"""Writes one plug-in of every kind into a folder: each adds up a constant of its source, one of a helper, and a file.

Every kind has modules of its own, so that an edit of one must change what that one gives, and nothing else.
"""

from __future__ import annotations

from pathlib import Path

KINDS = ("codec", "metric", "normaliser", "recogniser", "condition", "dataset")

_HEAD = """
from pathlib import Path
import {kind}_helper

OWN = 1.0


def total():
    return OWN + {kind}_helper.HELPER + float(Path(__file__).with_name("{kind}.txt").read_text())
"""

_BODIES = {
    "codec": """
import numpy as np
from codec_bench.adapters import Codec, CodecSpec, Group
from codec_bench.tokens import Codebook


class Mine(Codec):
    name = "mine"
    spec = CodecSpec("Mine", Group.ACOUSTIC, 16_000, 16_000, (Codebook(65_536, hop=1),), cacheable=True)

    def _encode(self, samples):
        return self.tokens([np.round(np.clip(samples, -1, 1) * 32_767).astype(np.int64) + 32_768])

    def _decode(self, code):
        return ((code.streams[0].codes - 32_768) / 32_767 / total()).astype(np.float32)
""",
    "metric": """
from codec_bench.metrics import register_metric


@register_metric("mine", better="lower", files=("metric.txt",))
def mine(decoded):
    return total()
""",
    "normaliser": """
from codec_bench.metrics.text import Normaliser


def _normalise(text):
    return " ".join([*text.lower().split(), *["word"] * int(total())])


mine = Normaliser("mine", _normalise)
""",
    "recogniser": """
import numpy as np
from codec_bench.metrics.asr import Recogniser


def _transcribe(audio):
    return np.array(" ".join(["word"] * int(total())))


def backend(model):
    return Recogniser("mine", _transcribe, label="mine")
""",
    "condition": """
from dataclasses import dataclass
from codec_bench.coding.conditions import Alteration


@dataclass(frozen=True)
class Quieter(Alteration):
    name, takes, low, high = "quieter", "a divisor", 1.0, 10.0

    @property
    def note(self):
        return "divided"

    def _changed(self, recording, identity):
        return recording.samples / (self.value * total())
""",
    "dataset": """
from codec_bench.datasets import Dataset
from codec_bench.records import Utterance


class Mine(Dataset):
    name = "mine"

    def utterances(self):
        folder = Path(__file__).with_name("recordings")
        for path in sorted(folder.glob("*.wav")):
            yield Utterance(path.stem, path, text=" ".join(["word"] * int(total())), language="en")
""",
}


def write(folder: Path) -> None:
    """Writes the modules, their helpers and their files, and what makes the recogniser an entry point."""
    for kind in KINDS:
        (folder / f"my_{kind}.py").write_text(_HEAD.format(kind=kind) + _BODIES[kind])
        (folder / f"{kind}_helper.py").write_text("HELPER = 2.0\n")
        (folder / f"{kind}.txt").write_text("3.0\n")
    package = folder / "mine-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[codec_bench.asr]\nmine = my_recogniser:backend\n")


def edit(folder: Path, part: str) -> None:
    """Edits one part of every plug-in: its `source`, its `helper` or the `file` that it reads.

    What is edited has another size then: Python runs what it compiled of a file of equal size in the same second.
    """
    for kind in KINDS:
        source = folder / f"my_{kind}.py"
        if part == "source":
            source.write_text(source.read_text().replace("OWN = 1.0", "OWN = 2.00"))
        elif part == "helper":
            (folder / f"{kind}_helper.py").write_text("HELPER = 4.00\n")
        else:
            (folder / f"{kind}.txt").write_text("6.0\n")
