"""Whether a worker module, and the sources that it names, can be imported in an environment: found out without weights.

`serve.py` loads this file in that environment, as it does `support.py`: on Python 3.9 or newer.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, Optional


class _WeightsNeeded(BaseException):
    """Ends a `load` that has come to its weights; no handler for exceptions of a worker takes it for one."""


class _Job:
    """What `load` gets: as a `LoadRequest`, without weights."""

    device = "cpu"

    def __init__(self, sources: dict[str, str], mode: Optional[str]) -> None:  # noqa: UP045 - 3.9
        self.sources = sources
        self.mode = mode

    @property
    def files(self) -> NoReturn:
        raise _WeightsNeeded

    weights = files

    def folder(self, repository: str) -> NoReturn:
        raise _WeightsNeeded


def problem(module: Any, sources: dict[str, str], mode: Optional[str]) -> Optional[str]:  # noqa: UP045 - 3.9
    """Why a worker cannot do without its weights what it does before it reads them, or import what it imports later;
    None if it can.

    Args:
        module: The worker module.
        sources: Unpacked source trees, by repository.
        mode: Setting of the codec, or None.
    """
    try:
        module.load(_Job(sources, mode))
    except _WeightsNeeded:
        pass
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever other people's code raises is the answer
        return f"{type(error).__name__}: {error}"
    for name, attribute in _imports(Path(module.__file__)):
        try:
            _carry_out(name, attribute)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return f"{type(error).__name__}: {error}"
    return None


def _carry_out(name: str, attribute: str) -> None:
    """`import name`, or `from name import attribute`."""
    found = importlib.import_module(name)
    if attribute and not hasattr(found, attribute):
        importlib.import_module(f"{name}.{attribute}")


def _imports(file: Path) -> Iterator[tuple[str, str]]:
    """What a module imports in its functions, too, unless it goes on without it, or needs it in some case alone."""
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)
        elif not isinstance(node, (ast.If, ast.Try)):
            waiting.extend(ast.iter_child_nodes(node))
