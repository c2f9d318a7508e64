"""Recordings and decoded audio for listening: inside the page if small, otherwise in files next to it."""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from codec_bench.discretion import discreet_info, discreet_text
from codec_bench.errors import UsageError
from codec_bench.files import write_atomically
from codec_bench.runs.directory import Run

EMBEDDED_LIMIT = 30_000_000
"""Characters of audio that a page may hold; with more, each utterance has a file in `FOLDER` that loads on demand."""

EMBEDDED_UTTERANCES = 2000
"""Utterances of a page that may hold audio: with more, their scores and texts fill it; see `page.PAGE_BYTES`."""

FOLDER = "report_audio"
_OWN_FILE = re.compile(r"\d+-\d+\.js")

Tracks = dict[str, tuple[int, str]]
"""By position of the system: sampling rate in Hz, FLAC in base64."""


def embed_audio(runs: dict[int, Run], utterances: dict[int, list[str]], out: Path) -> dict[str, Tracks] | None:
    """Packs the kept audio of runs.

    Args:
        runs: By position in the report; those without kept audio add nothing.
        utterances: Identifiers of their utterances, in the order of the page.
        out: The report's folder.

    Returns:
        Tracks by `<run>-<utterance>` for the page; None if they were too large, and lie in files next to it.

    Raises:
        UsageError: A kept file is damaged, or the folder cannot be written.
    """
    for file in (out / FOLDER).glob("*.js"):
        if _OWN_FILE.fullmatch(file.name):  # of an older report in the same folder
            file.unlink()
    held: dict[str, Tracks] | None = None if are_many(utterances) else {}
    size = 0
    for index, run in runs.items():
        for key, tracks in _packed(run, index, utterances[index]):
            if held is None:
                _write(out, key, tracks)
                continue
            held[key] = tracks
            size += sum(len(data) for _, data in tracks.values())
            if size > EMBEDDED_LIMIT:
                for kept, older in held.items():
                    _write(out, kept, older)
                held = None
    return held


def are_many(utterances: dict[int, list[str]]) -> bool:
    """Whether the utterances of a page are too many for all that belongs to them to be in it."""
    return sum(map(len, utterances.values())) > EMBEDDED_UTTERANCES


def has_audio(run: Run) -> bool:
    """Whether decoded audio was kept."""
    return (run.path / "audio").is_dir()


def keeping_command(run: Run) -> str:
    """The command that makes the same run with audio, or what to add where no command made it.

    Everything that was computed is in the cache, so that it takes little time.
    """
    info = discreet_info(run.info)
    program, *options = [str(part) for part in info.get("provenance", {}).get("command", [])] or [""]
    if Path(program).name not in ("codec-bench", "__main__.py") or not options:
        return ""
    if not any(o == "--out" or o.startswith("--out=") for o in options):
        options += ["--out", discreet_text(str(run.path), keep_paths=bool(info.get("config", {}).get("keep_paths")))]
    return " ".join(["codec-bench", *map(_quoted, options), "--keep-audio"])


def _quoted(word: str) -> str:
    """A word as a shell takes it, which puts the home folder for a `~` that is not quoted."""
    return f"~/{shlex.quote(word[2:])}" if word[:2] == "~/" and len(word) > 2 else shlex.quote(word)


def _packed(run: Run, index: int, utterances: list[str]) -> Iterator[tuple[str, Tracks]]:
    for number, utterance in enumerate(utterances):
        tracks = {
            str(position): _flac(file)
            for position, system in enumerate(run.systems)
            if (file := run.kept("audio", system, utterance)).is_file()
        }
        if tracks:
            yield f"{index}-{number}", tracks


def _flac(path: Path) -> tuple[int, str]:
    """16 bit, which is what sound cards play: a third of the size of the float file that was kept."""
    try:
        samples, rate = soundfile.read(path, dtype="float32")
        data = io.BytesIO()
        soundfile.write(data, np.clip(samples, -1, 1), rate, format="FLAC", subtype="PCM_16")
    except (OSError, soundfile.SoundFileError) as error:
        raise UsageError(f"{path} cannot be read: {error}; repeat the run with --keep-audio") from error
    return int(rate), base64.b64encode(data.getvalue()).decode()


def _write(out: Path, key: str, tracks: Tracks) -> None:
    """A script and no JSON: a page from `file://` may load scripts only."""
    write_atomically(out / FOLDER / f"{key}.js", f'codecBenchAudio("{key}",{json.dumps(tracks)});\n'.encode())
