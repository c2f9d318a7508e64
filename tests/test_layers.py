"""The house stands as docs/architecture.md draws it: imports go down its floors, and none runs in a circle."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import codec_bench

PACKAGE = Path(codec_bench.__file__).parent
DRAWING = PACKAGE.parent / "docs" / "architecture.md"


def modules() -> dict[str, Path]:
    """All files of the package by the name of their module, without `codec_bench.`; the package itself is ``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(module: str, known: Mapping[str, Path]) -> set[str]:
    """The modules of the package that one imports, anywhere in its file."""
    path = known[module]
    parts = ["codec_bench", *filter(None, module.split("."))]
    package = parts if path.name == "__init__.py" else parts[:-1]
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names += [f"{base}.{alias.name}" for alias in node.names]
    found = set()
    for name in names:
        first, _, rest = name.partition(".")
        if first == "codec_bench":
            # What is no module is a name in the module before it.
            while rest not in known:
                rest = rest.rpartition(".")[0]
            found.add(rest)
    return found - {module}


@cache
def imports() -> dict[str, set[str]]:
    """Of all modules; whoever collects the tests alone need not read them."""
    known = modules()
    return {module: imported(module, known) for module in known}


def floors() -> list[list[str]]:
    """The floors of the drawing from the top; `codec_bench` stands for the package's own `__init__`."""
    section = DRAWING.read_text(encoding="utf-8").partition("## Layers")[2]
    drawing = section.split("```")[1]
    return [re.findall(r"[\w.]+/?", line.partition("#")[0]) for line in drawing.strip().splitlines()]


def part_of(module: str) -> str:
    """What the drawing calls the place of a module."""
    first = module.partition(".")[0]
    if not first:
        return "codec_bench"
    return f"{first}/" if (PACKAGE / first).is_dir() else first


def circle(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Modules that import each other in turn, the first one again at the end; empty if there are none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return [str(module) for module in error.args[1]][::-1]
    return []


def wrong_way(imports: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """Imports of a floor above, or of another part of the same floor."""
    height = {part: -number for number, floor in enumerate(floors()) for part in floor}
    for module, others in imports.items():
        for other in others:
            own, its = part_of(module), part_of(other)
            if own != its and height[its] >= height[own]:
                yield module, other


def test_every_file_stands_on_one_floor_and_every_name_stands_for_files():
    drawn = Counter(part for floor in floors() for part in floor)
    assert {part for part, times in drawn.items() if times > 1} == set()
    assert set(drawn) == {part_of(module) for module in modules()}


def test_imports_go_down():
    assert [f"{module} imports {other}" for module, other in wrong_way(imports())] == []


def test_no_imports_run_in_a_circle():
    assert " -> ".join(circle(imports())) == ""
