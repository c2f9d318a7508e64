"""Generated speech: there is no recording, so a folder of files is compared with texts and with prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from typing_extensions import override

from codec_bench.audio import AUDIO_SUFFIXES, audio_files
from codec_bench.datasets.dataset import Listed, ListedDataset
from codec_bench.datasets.manifest import Folder, is_file, read_text
from codec_bench.errors import UsageError
from codec_bench.records import Utterance


class Generated(ListedDataset):
    """Files that a system generated, by id; the prompt takes the place of the recording, and is never the same
    utterance.

    The prompts also say whose voice it is: utterances of one prompt are one speaker.

    Args:
        folder: The generated files; transcripts next to them are read as `Folder` does.
        prompts: Recording of the wanted voice by id of the utterance; None if there are none. Only utterances that
            have one are yielded.
    """

    def __init__(self, folder: Path, prompts: Mapping[str, Path] | None = None) -> None:
        self._files = Folder(folder)
        self._prompts = prompts
        self.name = self._files.name

    @override
    def listed(self) -> Sequence[Listed]:
        files, prompts = self._files.listed(), self._prompts
        if prompts is None:
            return files
        return [
            Listed(entry.id, prompt.stem, entry.labels, partial(_prompted, entry, prompt))
            for entry in files
            if (prompt := prompts.get(entry.id)) is not None
        ]

    @override
    def notes(self) -> list[str]:
        against = "similarities are to each utterance's prompt" if self._prompts is not None else "there are no prompts"
        return [f"Generated speech: no recording of the same utterances exists; {against}."]


def _prompted(entry: Listed, prompt: Path) -> Utterance:
    return replace(entry.made(), path=prompt, speaker=prompt.stem)


def read_prompts(path: Path) -> dict[str, str]:
    """The prompt of each utterance, by its id, in the order of the file.

    Args:
        path: Lines of an utterance and its prompt, separated by blanks, as in `testsetB_utt2prompt` of UniCATS.

    Raises:
        UsageError: The file cannot be read, is empty or holds a wrong line, or an utterance comes twice.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        fields = line.split(maxsplit=1)
        if not fields:
            continue
        if len(fields) < 2:
            raise UsageError(f"{path}, line {number}: an utterance and its prompt belong here, not only {fields[0]!r}")
        if fields[0] in found:
            raise UsageError(f"{path}, line {number}: {fields[0]!r} already appeared")
        found[fields[0]] = fields[1].strip()
    if not found:
        raise UsageError(f"{path} is empty")
    return found


def load_prompts(path: Path, root: Path | None = None, only: Sequence[str] | None = None) -> dict[str, Path]:
    """The recording of each utterance's prompt, by its id, in the order of the file.

    Args:
        path: See `read_prompts`; a prompt is the id of a recording below `root`, or its path from there.
        root: Folder of the prompts; by default the one that holds the file.
        only: Utterances whose prompts are wanted; all by default.

    Raises:
        UsageError: The file cannot be used, or a prompt is not there.
    """
    folder = path.parent if root is None else root
    known: dict[str, Path] | None = None
    found: dict[str, Path] = {}
    for utterance, prompt in read_prompts(path).items():
        if only is not None and utterance not in only:
            continue
        if Path(prompt).suffix.lower() in AUDIO_SUFFIXES and is_file(folder / prompt):
            found[utterance] = folder / prompt
            continue
        known = audio_files(folder) if known is None else known
        if prompt not in known:
            raise UsageError(
                f"{path}: {utterance} has the prompt {prompt!r}, but there is no such recording below {folder}; name "
                "the folder of the prompts with --prompt-root"
            )
        found[utterance] = known[prompt]
    return found
