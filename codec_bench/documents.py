"""YAML that people hand us, read within bounds: nothing takes long, or means what it cannot."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from codec_bench.errors import UsageError

SIZE_LIMIT = 1_000_000
"""Bytes of a YAML file; a thousand systems by name take 20,000."""

ENTRY_LIMIT = 20_000
"""Keys, values and lists in a YAML file together, those behind an alias (`*name`) counted each time."""

DEPTH_LIMIT = 20
"""Levels of lists and mappings in a YAML file; ours have three."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with it


def read_yaml(path: Path) -> Any:
    """What a YAML file holds: mappings, lists, texts, finite numbers, dates, booleans and None.

    Raises:
        UsageError: It cannot be read, is not valid, or exceeds a bound; one line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > SIZE_LIMIT:
        raise UsageError(f"{path} is too large: a YAML file may have {SIZE_LIMIT} bytes")
    try:
        text = data.decode("utf-8-sig")
        _check_events(yaml.parse(text, Loader=_LOADER))  # before anything is built of them
        content = yaml.load(text, Loader=_LOADER)  # noqa: S506  # one of the safe loaders
        _check_content(content)
    except (yaml.YAMLError, ValueError) as error:  # e.g. numbers of 5,000 digits, months of 99 days
        raise UsageError(f"{path} is not valid YAML: {' '.join(str(error).split())[:300]}") from error
    return content


def _check_events(events: Iterable[Any]) -> None:
    """Refuses too many entries, too many levels and repeated keys, of which all but the last would be ignored."""
    levels: list[tuple[bool, int, set[str]]] = []  # whether it is a mapping, entries so far, keys
    for count, event in enumerate(events):
        if count > ENTRY_LIMIT:
            raise ValueError(f"it has over {ENTRY_LIMIT} entries")
        if isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        if levels:
            is_mapping, entries, keys = levels[-1]
            levels[-1] = is_mapping, entries + 1, keys
            if is_mapping and entries % 2 == 0 and isinstance(event, yaml.ScalarEvent):
                if event.value in keys:
                    raise ValueError(f"the key {event.value!r:.80} stands in it twice{_where(event)}")
                keys.add(event.value)
        if isinstance(event, yaml.CollectionStartEvent):
            levels.append((isinstance(event, yaml.MappingStartEvent), 0, set()))
            if len(levels) > DEPTH_LIMIT:
                raise ValueError(f"it has over {DEPTH_LIMIT} levels{_where(event)}")


def _where(event: yaml.NodeEvent) -> str:
    return f", line {event.start_mark.line + 1}" if event.start_mark else ""


def _check_content(content: Any) -> None:
    """Refuses what is too large behind aliases, or holds itself, and numbers that no option can have."""
    count = 0
    waiting = [(content, 0)]
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if count > ENTRY_LIMIT or depth > DEPTH_LIMIT:
            raise ValueError(f"its aliases make over {ENTRY_LIMIT} entries or {DEPTH_LIMIT} levels")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} is no finite number")
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ValueError(f"a whole number of {len(str(value))} digits")
        if isinstance(value, dict):
            waiting += [(part, depth + 1) for pair in value.items() for part in pair]
        elif isinstance(value, list | set | tuple):
            waiting += [(part, depth + 1) for part in value]
