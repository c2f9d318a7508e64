"""Whose code made a number: the source of a plug-in, and what its objects hold once they are loaded.

What ships with codec-bench has versions that people raise. Code of users changes without one, so its address holds the
content of its module and of every module of the user's own that it imports; modules of installed packages count by the
version of their distribution. What a plug-in opens by itself is seen only where its source names the file.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import os
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import packages_distributions
from operator import itemgetter
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

import numpy as np

from codec_bench.errors import UsageError
from codec_bench.faults import is_users
from codec_bench.files import digest, file_digest
from codec_bench.fingerprint import address, package_version

OURS = "codec_bench"

UNKNOWN = "unknown"
"""Stands in an address for what a plug-in read and did not say."""

_INVOCATION = "CODEC_BENCH_INVOCATION"

_READERS = frozenset({
    "open", "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "read", "read_text", "read_bytes", "read_csv",
    "read_parquet", "read_table", "imread", "load_file", "load_model", "safe_open", "from_pretrained",
    "InferenceSession", "hf_hub_download", "snapshot_download", "load_state_dict_from_url",
})  # fmt: skip
"""Functions that read files, by the last part of their names."""

_MAX_NAME = 255

_MAX_DEPTH = 20


@dataclass(frozen=True)
class Source:
    """The code of a plug-in.

    Attributes:
        module: Name of its module.
        name: Qualified name in it.
        modules: SHA-256 of the source of that module and of the user's own modules that it imports, by name; None where
            there is no source, as for what was typed at a prompt.
        reads: Whether the source calls something that reads files.
        named: Files that are declared, or that strings in the source name.
        imported: Top-level modules of installed packages that are imported.
    """

    module: str
    name: str
    modules: Mapping[str, str | None]
    reads: bool
    named: Mapping[str, Path]
    imported: frozenset[str]

    @property
    def code(self) -> str:
        """Content address of the source alone."""
        return address(module=self.module, name=self.name, modules=dict(self.modules))

    @cached_property
    def files(self) -> dict[str, str]:
        """SHA-256 of the files that are declared or named, by how they are named."""
        return {text: _file_digest(path) for text, path in sorted(self.named.items())}

    @cached_property
    def packages(self) -> dict[str, str]:
        """Versions of the distributions of what is imported."""
        return {name: version for top in sorted(self.imported) for name, version in _versions(top).items()}

    @property
    def is_known(self) -> bool:
        """Whether source and files decide what a function does: there is source, and it reads no file unnamed."""
        return None not in self.modules.values() and (bool(self.named) or not self.reads)

    def describe(self) -> dict[str, Any]:
        """As addresses and `run.json` keep it."""
        return {
            "module": self.module,
            "name": self.name,
            "modules": dict(sorted(self.modules.items())),
            "files": self.files,
            "packages": self.packages,
        }


def source_of(made: Any, files: Iterable[str | Path] = ()) -> Source | None:
    """The code of a class or a function.

    Args:
        made: The class, the function, or an object of a class.
        files: Files that it declares to read.

    Returns:
        None for what ships with codec-bench.
    """
    while isinstance(made, partial):
        made = made.func
    named: Any = made if isinstance(made, type) or hasattr(made, "__qualname__") else type(made)
    modules = _modules_of(named)
    return _source(named, modules, tuple(map(str, files)), invocation()) if modules else None


@lru_cache(maxsize=1024)
def _source(named: Any, modules: tuple[str, ...], files: tuple[str, ...], _: str) -> Source:
    """The code of a plug-in, read once in each invocation."""
    closure = _Closure(modules)
    _check_current(closure.modules)
    declared = {name: _existing(name, closure.folder) or Path(name) for name in files}
    return Source(
        modules[0], named.__qualname__, closure.modules, closure.reads, closure.named | declared,
        frozenset(closure.imported),
    )  # fmt: skip


_IMPORTED: dict[str, tuple[ModuleSpec, str | None]] = {}
"""Digest of the source of each module when it was first looked at after its import."""


def _check_current(modules: Mapping[str, str | None]) -> None:
    """Raises where this process runs other code than its files hold by now, under whose address it would be kept.

    Raises:
        UsageError: A module was edited after it was imported.
    """
    for name, content in modules.items():
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if spec is None:
            continue
        known = _IMPORTED.setdefault(name, (spec, content))
        if known[0] is not spec:  # reloaded
            _IMPORTED[name] = (spec, content)
        elif known[1] != content:
            raise UsageError(f"the module {name} was edited after Python imported it: start Python anew, or reload it")


@lru_cache(maxsize=4096)
def _modules_of(named: Any) -> tuple[str, ...]:
    """The modules of the user's own that define a function, or a class with what it inherits and was given."""
    found: dict[str, None] = {}
    for part in named.__mro__ if isinstance(named, type) else (named,):
        functions = [f for f in vars(part).values() if inspect.isfunction(f)] if isinstance(part, type) else []
        for name in (str(getattr(part, "__module__", None) or UNKNOWN), *(f.__module__ for f in functions)):
            top = name.partition(".")[0]
            is_foreign = top == OURS or (top in sys.stdlib_module_names and top != "__main__")
            if not is_foreign and (part is named or _is_own(top)):
                found[name] = None
    return tuple(found)


def function_parts(*functions: Any, files: Iterable[str | Path] = (), is_known: bool = False) -> dict[str, Any]:
    """What the address of something that users write holds of its code; nothing for what ships with codec-bench.

    Args:
        *functions: Its functions, or its class.
        files: Files that it declares to read.
        is_known: Whether it declares everything that it reads in another way.
    """
    sources = [source for made in functions if (source := source_of(made, files)) is not None]
    if not sources:
        return {}
    unknown = not is_known and not all(source.is_known for source in sources)
    return {"source": [s.describe() for s in sources]} | ({"invocation": invocation()} if unknown else {})


def loaded_modules(besides: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the modules of the user's own that this process has imported, by name.

    Args:
        besides: Modules that do not count.
    """
    known = set(besides)
    found = {}
    for name, module in tuple(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name not in known and file and not name.startswith("__") and is_users(file) and Path(file).is_file():
            found[name] = _file_digest(Path(file))
    return dict(sorted(found.items()))


class _Closure:
    """Modules with all modules of the user's own that they import, directly or not; nothing is imported to find out."""

    def __init__(self, roots: Sequence[str]) -> None:
        self.modules: dict[str, str | None] = {}
        self.named: dict[str, Path] = {}
        self.imported: set[str] = set()
        self.reads = False
        self.folder: Path | None = None
        self._tops = {root.partition(".")[0] for root in roots}
        waiting = list(roots)
        while waiting:
            name = waiting.pop(0)
            if name in self.modules:
                continue
            file = _file_of(name)
            if file is None:
                if name in roots:
                    self.modules[name] = None
                continue
            self.folder = self.folder or file.parent
            parsed = _parsed(file, *_state(file))
            self.modules[name] = parsed.digest
            self.reads |= parsed.reads
            for text in parsed.names:
                if (path := _existing(text, file.parent)) is not None and path.suffix != ".py":
                    self.named[path.name if Path(text).is_absolute() else text] = path
            waiting += self._wanted(name, file, parsed)

    def _wanted(self, name: str, file: Path, parsed: _Parsed) -> Iterator[str]:
        """The modules of the user's own that a module imports, with the packages that they are in."""
        package = name if file.stem == "__init__" else name.rpartition(".")[0]
        for level, named, parts in parsed.imports:
            above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
            base = ".".join([*above, named] if named else above)
            for found in [base, *(f"{base}.{part}" if base else part for part in parts)]:
                top = found.partition(".")[0]
                if not top or top == OURS or top in sys.stdlib_module_names:
                    continue
                if top in self._tops or _is_own(top):
                    pieces = found.split(".")
                    yield from (".".join(pieces[:end]) for end in range(1, len(pieces) + 1))
                else:
                    self.imported.add(top)


@dataclass(frozen=True)
class _Parsed:
    """What the source of a module says."""

    digest: str
    imports: tuple[tuple[int, str, tuple[str, ...]], ...] = ()
    names: tuple[str, ...] = ()
    reads: bool = False


@lru_cache(maxsize=4096)
def _parsed(file: Path, size: int, modified: int) -> _Parsed:
    """Reads a module; one that is not Python source (a compiled extension) counts by its bytes."""
    data = file.read_bytes()
    content = digest(data)
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return _Parsed(content)
    imports: list[tuple[int, str, tuple[str, ...]]] = []
    names: list[str] = []
    reads = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            reads |= called in _READERS and not _writes(node)
            if called in ("import_module", "__import__"):
                imports += [(0, a.value, ()) for a in node.args[:1] if _is_text(a)]  # type: ignore[attr-defined]
        elif _is_text(node) and _may_name_a_file(node.value):  # type: ignore[attr-defined]
            names.append(node.value)  # type: ignore[attr-defined]
    return _Parsed(content, tuple(imports), tuple(dict.fromkeys(names)), reads)


def _writes(call: ast.Call) -> bool:
    """Whether a call of `open(path, mode)` or `path.open(mode)` is for writing."""
    at = 0 if isinstance(call.func, ast.Attribute) else 1
    modes = [a for a in [*call.args[at : at + 1], *(k.value for k in call.keywords if k.arg == "mode")] if _is_text(a)]
    return any(mode.value[:1] in ("w", "a", "x") for mode in modes)  # type: ignore[attr-defined]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _may_name_a_file(text: str) -> bool:
    return 0 < len(text) <= _MAX_NAME and ("." in text or "/" in text) and text.isprintable()


def _existing(text: str, folder: Path | None) -> Path | None:
    """The regular file that a string names, as the program finds it or beside the module that says it."""
    path = Path(text)
    for candidate in [path] if folder is None or path.is_absolute() else [path, folder / path]:
        try:
            if candidate.is_file():
                return candidate
        except (OSError, ValueError):
            continue
    return None


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def _file_digest(path: Path) -> str:
    try:
        return _digest_of(path.resolve(), *_state(path))
    except OSError:
        return UNKNOWN


@lru_cache(maxsize=256)
def _digest_of(path: Path, size: int, modified: int) -> str:
    return file_digest(path)


def _spec_of(name: str) -> ModuleSpec | None:
    """Where a module is; packages above it are found, not imported."""
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__spec__", None) is not None:
        return loaded.__spec__
    parent, _, _ = name.rpartition(".")
    try:
        if not parent:
            return importlib.util.find_spec(name)
        above = _spec_of(parent)
        places = None if above is None else above.submodule_search_locations
        return None if places is None else PathFinder.find_spec(name, list(places))
    except (ImportError, ValueError, AttributeError):
        return None


def _file_of(name: str) -> Path | None:
    """The file of a module; None for what has none (built in, a folder without `__init__.py`, typed at a prompt)."""
    loaded = sys.modules.get(name)
    spec = _spec_of(name)
    origin = getattr(spec, "origin", None) or getattr(loaded, "__file__", None)
    path = None if origin is None else Path(origin)
    return path if path is not None and path.is_file() else None


@lru_cache(maxsize=4096)
def _is_own(top: str) -> bool:
    """Whether a top-level module is the user's own, and not of an installed distribution."""
    spec = _spec_of(top)
    if spec is None:
        return False
    places = [spec.origin] if spec.has_location and spec.origin else list(spec.submodule_search_locations or [])
    return bool(places) and all(is_users(place) for place in places)


@lru_cache(maxsize=1024)
def _versions(top: str) -> dict[str, str]:
    """Versions of the distributions that hold a top-level module."""
    if package_version(top) != "absent":
        return {top: package_version(top)}
    return {name: package_version(name) for name in _distributions().get(top, ())}


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def invocation() -> str:
    """Names this invocation, in its worker processes too: an address with it is found again by nothing later."""
    return os.environ.setdefault(_INVOCATION, uuid.uuid4().hex)


def new_invocation() -> None:
    """Begins another one: what is kept for one run only is not found by the next one of the same process."""
    join_invocation(uuid.uuid4().hex)


def join_invocation(name: str) -> None:
    """Makes this process, and those that it starts from now on, part of an invocation."""
    os.environ[_INVOCATION] = name


# --- what an object holds ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """What the attributes of an object hold.

    Attributes:
        digest: SHA-256 over all of it but paths, so that an object may be loaded from another folder.
        tensors: SHA-256 over tensors and arrays alone, which a second object of the same files has too.
        parameters: Numbers in PyTorch modules and tensors.
    """

    digest: str
    tensors: str
    parameters: int


def state_of(made: Any, skip: Iterable[str] = ()) -> State:
    """What an object holds: tensors of PyTorch modules by their `state_dict`, arrays, and plain values.

    What else it holds counts by its type. The device does not matter.

    Args:
        made: The object.
        skip: Attributes that do not count.
    """
    walk = _Walk()
    for name, value in sorted(vars(made).items()):
        if name not in set(skip):
            walk.add(name, value)
    return State(walk.everything.hexdigest(), walk.tensors.hexdigest(), walk.parameters)


class _Walk:
    """Hashes nested values, each object once."""

    def __init__(self) -> None:
        self.everything = hashlib.sha256()
        self.tensors = hashlib.sha256()
        self.parameters = 0
        self._seen: dict[int, Any] = {}

    def add(self, name: str, value: Any, depth: int = 0) -> None:
        """Adds a value under its name."""
        self._note(name, type(value).__qualname__)
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            if not (isinstance(value, str) and os.sep in value):
                self._note(repr(value))
        elif id(value) not in self._seen and depth < _MAX_DEPTH:
            self._seen[id(value)] = value
            if not self._add_numbers(name, value):
                for key, entry in _parts_of(value):
                    self.add(f"{name}{key}", entry, depth + 1)

    def _add_numbers(self, name: str, value: Any) -> bool:
        """Adds an array or a tensor; says whether it is one."""
        torch = sys.modules.get("torch")
        if isinstance(value, np.ndarray):
            data = repr(value.tolist()).encode() if value.dtype.hasobject else value.tobytes()
            what = f"{name}{value.dtype}{value.shape}"
        elif torch is not None and isinstance(value, torch.Tensor):
            self.parameters += value.numel()
            plain = value.detach().cpu().contiguous().flatten()
            data = plain.view(torch.uint8).numpy().tobytes() if plain.numel() else b""
            what = f"{name}{plain.dtype}{tuple(value.shape)}"
        else:
            return False
        for kind in (self.everything, self.tensors):
            kind.update(what.encode() + b"\0")
            kind.update(data)
        return True

    def _note(self, *texts: str) -> None:
        for text in texts:
            self.everything.update(text.encode("utf-8", "surrogatepass") + b"\0")


def _parts_of(value: Any) -> Iterable[tuple[str, Any]]:
    """What a value consists of, by names that do not depend on the order in which it was filled."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.nn.Module):
        return [("!training", value.training), *((f".{k}", v) for k, v in value.state_dict().items())]
    if isinstance(value, Mapping):
        return sorted(((f"[{key!r}]", entry) for key, entry in value.items()), key=itemgetter(0))
    if isinstance(value, list | tuple):
        return [(f"[{index}]", entry) for index, entry in enumerate(value)]
    if isinstance(value, type | ModuleType | PurePath) or inspect.isroutine(value) or not hasattr(value, "__dict__"):
        return []
    return sorted(((f".{key}", entry) for key, entry in vars(value).items()), key=itemgetter(0))
