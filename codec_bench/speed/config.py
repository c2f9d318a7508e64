"""What can be asked of `codec-bench speed`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from codec_bench.errors import UsageError

LENGTHS = (5.0, 30.0, 60.0)
"""Of the recordings in seconds: those of Stable-Codec's table 10."""


@dataclass(frozen=True)
class SpeedConfig:
    """What is asked of `codec-bench speed`.

    Attributes:
        codec: Codecs, with or without a setting.
        codebooks: Numbers of codebooks, for codecs that have codebooks.
        seconds: Lengths of the recordings, at least a tenth of a second each.
        audio: A recording, or a data set whose utterances are joined.
        data_root: Folder of a data set that cannot be found otherwise.
        audio_root: Folder that the paths of a manifest are relative to.
        checkpoint: File or folder with other weights for the codec, of the same architecture.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
        threads: Threads of torch and of BLAS libraries.
        repeats: Timed rounds of encoding and decoding per length.
        warmup: Rounds before them, which are not counted.
        timeout: Seconds that loading, or one round, may take.
        out: Run directory; None makes one below `runs/`.

    Raises:
        UsageError: A number is out of its range.
    """

    codec: tuple[str, ...]
    codebooks: tuple[int, ...] = ()
    seconds: tuple[float, ...] = LENGTHS
    audio: str = "demo"
    data_root: Path | None = None
    audio_root: Path | None = None
    checkpoint: Path | None = None
    device: str = "auto"
    threads: int = 1
    repeats: int = 5
    warmup: int = 1
    timeout: float = 600.0
    out: Path | None = None

    def __post_init__(self) -> None:
        if not self.codec:
            raise UsageError("name codecs with --codec, e.g. --codec opus@6000,codec2@1200")
        if not self.seconds or not all(math.isfinite(s) and s >= 0.1 for s in self.seconds):
            raise UsageError("--seconds is lengths of at least 0.1 with commas, e.g. 5,30,60")
        for name, least in (("threads", 1), ("repeats", 1), ("warmup", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"--{name} is at least {least}")
        if not self.timeout > 0:
            raise UsageError("--timeout must be more than 0 seconds")
        object.__setattr__(self, "seconds", tuple(sorted(set(self.seconds))))

    def plain(self) -> dict[str, Any]:
        """As `run.json` keeps it."""
        return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
