"""The user's own data: a table of recordings, a folder of recordings, and tables of transcripts."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from codec_bench.audio import audio_files
from codec_bench.datasets.dataset import Listed, ListedDataset
from codec_bench.errors import UsageError
from codec_bench.files import first_of_one_key
from codec_bench.records import Utterance

MAX_ID_BYTES = 200
"""An id becomes a file name with a suffix, and file systems take 255 bytes."""

TEXT_COLUMNS = ("transcript", "text")
"""The columns that may hold what is said; the first one that a table has is taken."""

TEXT_SUFFIXES = (".normalized.txt", ".txt")
"""Suffixes of a transcript next to a recording, best one first."""


class Manifest(ListedDataset):
    """A table of recordings: UTF-8, tab-separated, with a header; quotes have no meaning.

    Needed columns: `id` and `path`. Known columns: `transcript` (or `text`), `speaker`, `language`, `duration` in
    seconds. All other columns become labels, `label` and `split` among them; empty cells count as not given.
    Recordings are not opened: one that is missing or broken becomes a status of its utterance when it is read.

    Args:
        path: The table.
        audio_root: Folder that the paths are relative to; by default the one that holds the table.
    """

    def __init__(self, path: str | os.PathLike[str], audio_root: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path)
        self.audio_root = self.path.parent if audio_root is None else Path(audio_root)
        self.name = self.path.stem

    @override
    def listed(self) -> list[Listed]:
        found = [_utterance(row, self.audio_root) for row in _rows(self.path, ["id"], ["path"])]
        check_some_exist([utterance.path for utterance in found], self.path)
        return [Listed.of(utterance) for utterance in found]


class Folder(ListedDataset):
    """Every audio file below a folder, sorted by id; the id is the file name without its suffix.

    The transcript is taken from `ID.normalized.txt` or `ID.txt` next to the recording, if there is one.
    Folders as those of LibriSpeech and LibriTTS bring their speakers, and their lists of transcripts.

    Args:
        path: The folder; or one audio file, which is the only recording then.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.name = self.path.resolve().stem if self.path.is_file() else self.path.resolve().name

    @override
    def listed(self) -> list[Listed]:
        files = audio_files(self.path)
        for stem, path in files.items():
            problem = id_problem(stem)
            if problem:
                raise UsageError(f"the name of {str(path)!r} cannot be an id: {problem}")
        return [
            Listed.of(Utterance(stem, path, speaker=libri_speaker(path)), _with_text) for stem, path in files.items()
        ]


def _with_text(utterance: Utterance) -> Utterance:
    return replace(utterance, text=text_beside(utterance.path) or _libri_text(utterance.path))


def libri_speaker(path: Path) -> str | None:
    """The speaker of a recording that lies as LibriSpeech and LibriTTS have it: `SPEAKER/CHAPTER/SPEAKER-CHAPTER-...`.

    >>> libri_speaker(Path("test-clean/1089/134686/1089-134686-0000.flac")), libri_speaker(Path("a/b/c-d.wav"))
    ('1089', None)
    """
    speaker, chapter = path.parent.parent.name, path.parent.name
    is_libri = speaker.isdigit() and chapter.isdigit() and re.match(rf"{speaker}[-_]{chapter}[-_]", path.name)
    return speaker if is_libri else None


def _libri_text(path: Path) -> str | None:
    """The text of a recording in the list of its chapter, as LibriSpeech has one; None without it."""
    if libri_speaker(path) is None:
        return None
    listing = path.with_name(f"{path.parent.parent.name}-{path.parent.name}.trans.txt")
    lines = read_text(listing).splitlines() if is_file(listing) else []
    return next((text.strip() for name, _, text in (line.partition(" ") for line in lines) if name == path.stem), None)


def load_transcripts(path: str | os.PathLike[str]) -> dict[str, str]:
    """Reads a table with the columns `id` and `text` (or `transcript`); a whole manifest is one, too.

    Args:
        path: The table, in the format of `Manifest`.

    Returns:
        The transcript by id, in the order of the table; an id whose cell is empty is left out.

    Raises:
        UsageError: The table cannot be read, lacks a column, holds a wrong row, or has no transcript at all.
    """
    rows = _rows(Path(path), ["id"], TEXT_COLUMNS)
    texts = {row.cells["id"]: text for row in rows if (text := _text(row))}
    if not texts:
        raise UsageError(f"{path} has {len(rows)} rows, but no transcript in any of them")
    return texts


def text_beside(path: Path) -> str | None:
    """The transcript next to a recording, on one line, or None.

    Raises:
        UsageError: The file is not UTF-8 text.
    """
    for suffix in TEXT_SUFFIXES:
        beside = path.with_name(path.stem + suffix)
        if is_file(beside):
            return " ".join(read_text(beside).split()) or None
    return None


def id_problem(name: str) -> str | None:
    """Why a name cannot be the id of an utterance, which has to be a safe file name; None if it can.

    >>> id_problem("../a"), id_problem("1089_134686_000002_000001")
    ('it begins with a dot', None)
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "it is not Unicode text"
    problems = {
        "it is empty": not name.strip(),
        "it begins with a dot": name.startswith("."),
        "it holds a path separator": "/" in name or "\\" in name,
        "it holds a control character": any(ord(c) < 32 or ord(c) == 127 for c in name),
        f"it is longer than {MAX_ID_BYTES} bytes": size > MAX_ID_BYTES,
    }
    return next((problem for problem, found in problems.items() if found), None)


def check_id(name: str, where: object) -> None:
    """Checks that a name can be the id of an utterance.

    Raises:
        UsageError: It cannot; the message begins with where it stands.
    """
    if problem := id_problem(name):
        raise UsageError(f"{where}: {name[:60]!r} cannot be an id: {problem}")


def check_distinct(ids: Iterable[str], where: object) -> None:
    """Checks that ids can be told apart: by people, in tables, and as file names on any file system.

    Raises:
        UsageError: Two are the same, or differ in nothing but case, Unicode form, or spaces around them.
    """
    if (meeting := first_of_one_key(ids)) is None:
        return
    first, name = meeting
    if first == name:
        raise UsageError(f"{where}: the id {name!r} appears twice")
    raise UsageError(
        f"{where}: the ids {first!a} and {name!a} differ only in case, Unicode form or spaces, and some systems take "
        "their files for one: rename one of them"
    )


def check_some_exist(recordings: Sequence[Path], listed_in: Path) -> None:
    """Checks that not all recordings of a list are missing.

    Raises:
        UsageError: They are, so that relative paths will start elsewhere.
    """
    if not any(is_file(path) for path in recordings):
        raise UsageError(
            f"none of the {len(recordings)} recordings of {listed_in} exists; the first was looked for at "
            f"{recordings[0]}: name the folder that the paths start from with --audio-root"
        )


class _Row(NamedTuple):
    """One row of a table: where it stands, for messages, and its cells by column."""

    where: str
    cells: dict[str, str]


def _rows(path: Path, *needed: list[str] | tuple[str, ...]) -> list[_Row]:
    """The rows of a table that has, of each group of `needed` columns, at least one; ids are checked."""
    lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
    if not any(lines):
        raise UsageError(f"{path} is empty")
    columns = _columns(path, lines[0], needed)
    rows = [_row(f"{path}, line {n}", columns, line) for n, line in enumerate(lines[1:], 2) if line]
    if not rows:
        raise UsageError(f"{path} has a header, but no rows")
    seen: dict[str, _Row] = {}
    for row in rows:
        first = seen.setdefault(row.cells["id"], row)
        if first is not row:
            raise UsageError(
                f"{row.where}: the id {row.cells['id']!r} already appeared in {first.where.split(', ')[-1]}"
            )
    return rows


def _columns(path: Path, header: str, needed: tuple[list[str] | tuple[str, ...], ...]) -> list[str]:
    columns = [name.strip() for name in header.split("\t")]
    for group in needed:
        if not set(group) & set(columns):
            tabs = "" if len(columns) > 1 else " (tabs separate columns)"
            raise UsageError(f"{path} has no column {' or '.join(group)}; its columns are: {', '.join(columns)}{tabs}")
    if len(set(columns)) < len(columns) or "" in columns:
        raise UsageError(f"{path}, line 1: column names must be unique and not empty, not: {', '.join(columns)}")
    return columns


def _row(where: str, columns: list[str], line: str) -> _Row:
    cells = line.split("\t")
    if len(cells) != len(columns):
        raise UsageError(f"{where}: {len(cells)} fields, but the header has {len(columns)}")
    row = _Row(where, dict(zip(columns, cells, strict=True)))
    check_id(row.cells["id"], where)
    return row


def _utterance(row: _Row, root: Path) -> Utterance:
    path = row.cells["path"]
    if not path or "\0" in path:
        raise UsageError(f"{row.where}: {path!r} is not a path")
    own = {"id", "path", _text_column(row), "speaker", "language", "duration"}
    given = {name: cell.strip() for name, cell in row.cells.items() if cell.strip()}
    return Utterance(
        row.cells["id"],
        root / path,
        text=_text(row),
        speaker=given.get("speaker"),
        language=given.get("language"),
        duration=_seconds(row.where, given.get("duration")),
        labels={name: cell for name, cell in given.items() if name not in own},
    )


def _text_column(row: _Row) -> str | None:
    return next((name for name in TEXT_COLUMNS if name in row.cells), None)


def _text(row: _Row) -> str | None:
    column = _text_column(row)
    return (row.cells[column].strip() or None) if column else None


def _seconds(where: str, cell: str | None) -> float | None:
    if cell is None:
        return None
    try:
        seconds = float(cell)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UsageError(f"{where}: the duration {cell!r} is not a number of seconds")
    return seconds


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte-order mark.

    Raises:
        UsageError: The file cannot be read, or is not UTF-8 text; the message names the line.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}, line {line}: not UTF-8 text") from error


def is_file(path: Path) -> bool:
    """Like `Path.is_file`, which raises for a name that is too long or a folder that may not be searched."""
    try:
        return path.is_file()
    except OSError:
        return False
