"""Imports go down the layers: plug-ins do not know each other or what runs them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import codec_bench

PACKAGE = Path(codec_bench.__file__).parent
LAYERS = {
    "cli": 7, "reproduction": 6, "api": 5, "reports": 4, "comparison": 3, "listening_tests": 3, "probes": 3,
    "token_statistics": 3, "speed": 3, "runs": 2, "adapters": 1, "metrics": 1, "datasets": 1, "testing": 1,
}  # fmt: skip
"""Everything else is the vocabulary, layer 0."""

# The package's front door and the program's entry look up names lazily; testing codecs are adapters.
EXCEPTIONS = {("__init__", "adapters"), ("__init__", "api"), ("__init__", "datasets"), ("__init__", "metrics"),
              ("__main__", "cli"), ("testing", "adapters")}  # fmt: skip


def layer_of(part: str) -> int:
    return LAYERS.get(part, 0)


def imported(path: Path) -> set[str]:
    """First parts below `codec_bench` that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "codec_bench" else [f"codec_bench.{a.name}" for a in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("codec_bench.")}
    return found - {"__version__"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for other in imported(path) - {own}:
        goes_down = layer_of(other) < layer_of(own) or layer_of(own) == layer_of(other) == 0
        assert goes_down or (own, other) in EXCEPTIONS, f"{own} imports {other}"
