"""What the source of a module says without being run: what it imports, which files and variables it reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from codec_bench.files import digest

_READERS = frozenset({
    "open", "load", "loadtxt", "loadmat", "genfromtxt", "fromfile", "memmap", "read", "read_text", "read_bytes",
    "read_csv", "read_json", "read_parquet", "read_pickle", "read_table", "get_data", "imread", "load_file",
    "load_model", "load_from_checkpoint", "restore_from", "from_file", "safe_open", "from_pretrained", "File",
    "InferenceSession", "SentencePieceProcessor", "hf_hub_download", "snapshot_download",
    "load_state_dict_from_url", "urlopen", "check_output", "Popen",
})  # fmt: skip
"""Functions that read files, by the last part of their names."""

_PARSERS = frozenset({"json", "yaml", "toml", "tomllib", "pickle", "csv"})
"""Modules whose `load` takes a file that something else has opened."""

_MAX_NAME = 255


@dataclass(frozen=True)
class Import:
    """One import.

    Attributes:
        level: Dots of a relative one.
        module: What follows `from` or `import`.
        names: What is taken of it, which may be modules.
    """

    level: int
    module: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """A call that reads something.

    Attributes:
        texts: Strings in it.
        names: Names in it.
    """

    texts: tuple[str, ...]
    names: frozenset[str]


@dataclass(frozen=True)
class Parsed:
    """What a module says.

    Attributes:
        digest: SHA-256 of its source.
        imports: What it imports, wherever the import stands.
        texts: Strings that may name a file.
        readings: Calls that read something.
        assigned: Strings that may name a file, by the variable or attribute that is set to something with them.
        variables: Environment variables that it reads.
        is_open: Whether it reads environment variables whose names it does not spell out.
        changes_path: Whether it changes where modules are looked for.
    """

    digest: str
    imports: tuple[Import, ...] = ()
    texts: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
    assigned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
    is_open: bool = False
    changes_path: bool = False


def parsed(file: Path) -> Parsed:
    """What a module says; of one that is not Python source (a compiled extension), its digest."""
    state = file.stat()
    return _parsed(file, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


@lru_cache(maxsize=4096)
def _parsed(file: Path, *_: int) -> Parsed:
    data = file.read_bytes()
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return Parsed(digest(data))
    nodes = list(ast.walk(tree))
    variables = [name for node in nodes for name in _variables(node)]
    return Parsed(
        digest(data),
        tuple(found for node in nodes for found in _imports(node)),
        tuple(dict.fromkeys(_texts(tree))),
        tuple(_reading(node) for node in nodes if isinstance(node, ast.Call) and _reads(node)),
        _assigned(nodes),
        tuple(sorted({name for name in variables if name is not None})),
        None in variables,
        any(isinstance(n, ast.Attribute) and n.attr == "path" and _last(n.value) == "sys" for n in nodes),
    )


def _imports(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(0, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield Import(node.level, node.module or "", tuple(alias.name for alias in node.names))
    elif isinstance(node, ast.Call) and _last(node.func) in ("import_module", "__import__") and node.args:
        name = _text(node.args[0])
        if name is not None:
            bare = name.lstrip(".")
            yield Import(len(name) - len(bare), bare)


def _reads(call: ast.Call) -> bool:
    """Whether a call reads a file: not `f.read()`, `json.load(f)`, nor an `open` for writing."""
    name = _last(call.func)
    if name not in _READERS or not (call.args or call.keywords or name in ("read_text", "read_bytes", "open")):
        return False
    if name == "load" and isinstance(call.func, ast.Attribute) and _last(call.func.value) in _PARSERS:
        return False
    at = 0 if isinstance(call.func, ast.Attribute) else 1
    modes = [*call.args[at : at + 1], *(k.value for k in call.keywords if k.arg == "mode")]
    return not (name == "open" and any((_text(mode) or "")[:1] in ("w", "a", "x") for mode in modes))


def _reading(call: ast.Call) -> Reading:
    """The strings and names in a call, not those of calls in it that read: what a file says names other files."""
    parts = [node for argument in ast.iter_child_nodes(call) for node in _outside_of_readings(argument)]
    texts = [text for node in parts for text in _texts_of(node)]
    return Reading(tuple(texts), frozenset(_last(n) for n in parts if isinstance(n, ast.Name | ast.Attribute)))


def _outside_of_readings(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call) and _gives_content(node):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _outside_of_readings(child)


def _gives_content(call: ast.Call) -> bool:
    """Whether a call gives what a file holds."""
    parses = _last(call.func) == "load" and isinstance(call.func, ast.Attribute) and _last(call.func.value) in _PARSERS
    return parses or _reads(call)


def _assigned(nodes: list[ast.AST]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(node, ast.withitem):
            targets, value = [node.optional_vars], node.context_expr
        if value is None or not isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.withitem):
            continue
        for target in targets:
            if target is not None and (name := _last(target)):
                # A file that is opened may be read under its new name; what was read of one is no name of it.
                inner = ast.walk(value) if isinstance(node, ast.withitem) else _outside_of_readings(value)
                found[name] = (*found.get(name, ()), *(text for part in inner for text in _texts_of(part)))
    return found


def _variables(node: ast.AST) -> Iterator[str | None]:
    """Environment variables that are read; None for one whose name is not spelled out."""
    if isinstance(node, ast.Subscript) and _last(node.value) == "environ" and isinstance(node.ctx, ast.Load):
        yield _text(node.slice)
    elif isinstance(node, ast.Call):
        of_mapping = isinstance(node.func, ast.Attribute) and _last(node.func.value) == "environ"
        if _last(node.func) == "getenv" or (of_mapping and _last(node.func) == "get"):
            yield _text(node.args[0]) if node.args else None


def _texts(node: ast.AST) -> Iterator[str]:
    """Strings that may name a file."""
    for part in ast.walk(node):
        yield from _texts_of(part)


def _texts_of(node: ast.AST) -> Iterator[str]:
    text = _text(node)
    if text and len(text) <= _MAX_NAME and ("." in text or "/" in text) and text.isprintable():
        yield text


def _last(node: ast.AST) -> str:
    """The last part of a name: `b` of `a.b`."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
