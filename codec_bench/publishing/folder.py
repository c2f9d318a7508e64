"""A folder of results: where each file lies, how it is written and read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from codec_bench.errors import UsageError
from codec_bench.files import parsed_json, read_file, remove_folder, write_atomically
from codec_bench.publishing.packing import Packed, stem_of
from codec_bench.publishing.result import SCHEMA, Claim, Claims, Result
from codec_bench.publishing.scores import Sides
from codec_bench.runs.directory import slug

CLAIMED = "claimed"
"""The folder of a codec that holds what was published of it."""

MAX_BYTES = 10_000_000
"""Of one file: what code hosts and readers of pull requests can do with."""


class Written(Enum):
    """What writing a result did."""

    NEW = "new"
    SAME = "unchanged"
    REPLACED = "replaced"


@dataclass(frozen=True)
class Entry:
    """A file of a results folder.

    Attributes:
        path: Relative to the folder.
        result: What it holds; None where it holds claims, or cannot be read.
        claims: What it holds instead.
        problem: Why it cannot be read; empty if it can.
        sides: The scores beside the result; None until `check_folder` has read them.
    """

    path: PurePosixPath
    result: Result | None = None
    claims: tuple[Claim, ...] = field(default=())
    problem: str = ""
    sides: Sides | None = None


def place_of(result: Result) -> PurePosixPath:
    """Where a result lies: `opus/7c6140b50187/demo+noise@10.json`."""
    condition = result.condition.label if result.condition else ""
    stem = stem_of(result.dataset.name, condition, result.kind)
    return PurePosixPath(slug(result.system.codec), result.system.digest, f"{stem}.json")


def write(packed: Packed, folder: Path, *, replace: bool = False) -> Written:
    """Writes a result and the files beside it.

    Raises:
        UsageError: Another result of the same system and protocol is there, and it is not to be replaced.
    """
    place = folder / place_of(packed.result)
    data = text_of(packed.result.describe()).encode()
    if place.exists():
        old = read_entry(folder, PurePosixPath(place.relative_to(folder).as_posix())).result
        if old is not None and _scores_of(old) == _scores_of(packed.result):
            return Written.SAME
        if not replace:
            raise UsageError(f"{place} holds {_difference(old, packed.result)}: --replace puts this one in its place")
        if (audio := place.with_suffix(".audio")).is_dir():
            remove_folder(audio)
    made = Written.REPLACED if place.exists() else Written.NEW
    for name, content in packed.files.items():
        write_atomically(place.parent / name, content)
    write_atomically(place, data)  # last: a result without its files is not there
    return made


def _scores_of(result: Result) -> dict[str, Any]:
    """What two results of the same numbers have in common, whenever and wherever they were computed."""
    plain = result.describe()
    return {name: plain[name] for name in ("dataset", "condition", "bitrate", "metrics", "scores", "samples")}


def _difference(old: Result | None, new: Result) -> str:
    if old is None:
        return "something else"
    if old.dataset.manifest_sha256 != new.dataset.manifest_sha256:
        return f"a result on other recordings ({old.dataset.utterances} utterances, here {new.dataset.utterances})"
    before, after = ({m.label: m for m in result.metrics} for result in (old, new))
    if lost := [label for label in before if label not in after]:
        return f"a result that has {', '.join(lost)}, too"
    changed = [
        label for label, m in before.items() if (m.value, m.version) != (after[label].value, after[label].version)
    ]
    return f"other values of {', '.join(changed)}" if changed else "another result"


def text_of(plain: Mapping[str, Any]) -> str:
    """Plain data as a file has it: one fact a line, so that a difference is readable."""
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def read_folder(folder: Path) -> Iterator[Entry]:
    """All results and claims of a folder, in the order of their paths; what cannot be read says why.

    Raises:
        UsageError: There is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder of results: codec-bench publish RUN --to {folder} makes one")
    for path in sorted(folder.rglob("*.json")):
        place = PurePosixPath(path.relative_to(folder).as_posix())
        if path.is_file() and not any(part.startswith(".") for part in place.parts):
            yield read_entry(folder, place)


def read_entry(folder: Path, place: PurePosixPath) -> Entry:
    """One file of a folder of results."""
    try:
        data = _read(folder, place)
        claimed = place.parent.name == CLAIMED
        _check_version(parsed_json(data), "codec_bench_claims" if claimed else "codec_bench_result")
        if claimed:
            return Entry(place, claims=tuple(Claims.model_validate_json(data).claims))
        return Entry(place, Result.model_validate_json(data))
    except OSError as error:
        return Entry(place, problem=f"cannot be read: {error.strerror or error}")
    except ValidationError as error:
        return Entry(place, problem=first_problem(error))
    except ValueError as error:
        return Entry(place, problem=str(error))


def _read(folder: Path, place: PurePosixPath) -> bytes:
    """The bytes of a file of JSON; raises a `ValueError` that says what is wrong with it."""
    path = folder / place
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError("is a link out of the folder")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise ValueError(f"has {size} bytes, more than {MAX_BYTES}")
    data = read_file(path)
    try:
        parsed_json(data)
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from error
    if repeated := _repeated_key(data):
        raise ValueError(f"has the key {repeated!r} twice")
    return data


def _check_version(plain: Any, key: str) -> None:
    version = plain.get(key) if isinstance(plain, dict) else None
    if type(version) is not int:
        raise ValueError(f"is no file of codec-bench: it does not say {key}")
    if version > SCHEMA:
        raise ValueError(f"was written by a newer codec-bench (schema {version}): update codec-bench")


def first_problem(error: ValidationError) -> str:
    """One line for what is wrong with a file."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"has {where}, which no result has"
    if problem["type"] == "missing":
        return f"lacks {where}"
    return ": ".join(filter(None, (where, problem["msg"].removeprefix("Value error, "))))


def _repeated_key(data: bytes) -> str:
    """A key that stands twice in one object, of which readers take the one or the other; empty if there is none."""
    found: list[str] = []

    def noted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        found.extend(key for key in set(keys) if keys.count(key) > 1)
        return dict(pairs)

    json.loads(data, object_pairs_hook=noted)
    return found[0] if found else ""
