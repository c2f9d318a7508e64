"""The source of a plug-in, with all modules of the user's own that it imports."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from codec_bench.errors import UsageError
from codec_bench.faults import is_users
from codec_bench.files import local_digest
from codec_bench.fingerprint import address, package_version
from codec_bench.identity.invocations import invocation
from codec_bench.identity.state import captured
from codec_bench.identity.syntax import Import, Parsed, parsed

OURS = "codec_bench"

UNKNOWN = "unknown"
"""Stands in an address for a file that is declared and cannot be read."""


@dataclass(frozen=True)
class Source:
    """The code of a plug-in.

    Attributes:
        module: Name of its module.
        name: Qualified name in it.
        modules: SHA-256 of the source of that module and of the user's own modules that it imports, by name; None where
            there is no source, as for what was typed at a prompt.
        named: Files that are declared, or that strings in the source name.
        imported: Top-level modules of installed packages that are imported.
        variables: Values of the environment variables that it reads.
        is_complete: Whether it reads nothing besides: no file that it does not name, no variable either, and no module
            from a place that it adds while it runs.
    """

    module: str
    name: str
    modules: Mapping[str, str | None]
    named: Mapping[str, Path]
    imported: frozenset[str]
    variables: Mapping[str, str | None]
    is_complete: bool

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
    def has_source(self) -> bool:
        """Whether all of its code is in files."""
        return None not in self.modules.values()

    def describe(self) -> dict[str, Any]:
        """As addresses and `run.json` keep it."""
        return {
            "module": self.module,
            "name": self.name,
            "modules": dict(sorted(self.modules.items())),
            "files": self.files,
            "packages": self.packages,
            "variables": dict(sorted(self.variables.items())),
        }


def source_of(made: Any, files: Iterable[str | Path] = ()) -> Source | None:
    """The code of a class or a function.

    Args:
        made: The class, the function, or an object of a class.
        files: Files that it declares to read.

    Returns:
        None for what ships with codec-bench.

    Raises:
        UsageError: A module was edited after this process imported it.
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
        modules[0],
        named.__qualname__,
        closure.modules,
        closure.named | declared,
        frozenset(closure.imported),
        {name: os.environ.get(name) for name in closure.variables},
        bool(declared) or closure.is_complete,
    )


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
            if not _is_foreign(top) and (part is named or _is_own(top)):
                found[name] = None
    return tuple(found)


def function_parts(*functions: Any, files: Iterable[str | Path] = ()) -> dict[str, Any]:
    """What the address of something that users write holds of its code; nothing for what ships with codec-bench.

    Args:
        *functions: Its functions, or its class.
        files: Files that it declares to read.
    """
    sources = []
    for made in functions:
        if (source := source_of(made, files)) is not None:
            held = _captured(made, invocation())
            sources.append(source.describe() | ({"captured": held} if held else {}))
    return {"source": sources} if sources else {}


@lru_cache(maxsize=1024)
def _captured(made: Any, _: str) -> str:
    """What a function was made with, as it was when an invocation first asked: it may keep something there."""
    return captured(made)


def kept_for(*functions: Any, files: Iterable[str | Path] = (), is_known: bool = False) -> dict[str, str]:
    """What an address has besides where only this run may find it, since something unseen decides; nothing otherwise.

    Args:
        *functions: Functions, or a class.
        files: Files that it declares to read.
        is_known: Whether it declares everything that it reads in another way.
    """
    for made in functions:
        source = source_of(made, files)
        if source is not None and not (source.has_source and (source.is_complete or is_known)):
            return {"invocation": invocation()}
    return {}


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
        self.variables: set[str] = set()
        self.is_complete = True
        self.folder: Path | None = None
        self._changes_path = False
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
            found = parsed(file)
            self.modules[name] = found.digest
            self._look_at(found, file.parent)
            waiting += self._wanted(name, file, found.imports)
        if self._changes_path and any(_spec_of(top) is None for top in self.imported):
            self.is_complete = False

    def _look_at(self, found: Parsed, folder: Path) -> None:
        """Notes the files and variables that a module names, and whether it reads others."""
        self.variables |= set(found.variables)
        self._changes_path |= found.changes_path
        existing = {text: path for text in found.texts if (path := _existing(text, folder)) is not None}
        for text, path in existing.items():
            self.named[path.name if Path(text).is_absolute() else text] = path
            self.named |= {file.name: file for file in _beside(path)}
        for reading in found.readings:
            texts = {*reading.texts, *(text for name in reading.names for text in found.assigned.get(name, ()))}
            if not texts & existing.keys():
                self.is_complete = False
        if found.is_open:
            self.is_complete = False

    def _wanted(self, name: str, file: Path, imports: Iterable[Import]) -> Iterator[str]:
        """The modules of the user's own that a module imports, with the packages that they are in."""
        package = name if file.stem == "__init__" else name.rpartition(".")[0]
        for made in imports:
            above = package.split(".")[: len(package.split(".")) - made.level + 1] if made.level else []
            base = ".".join([*above, made.module] if made.module else above)
            for found in [base, *(f"{base}.{part}" if base else part for part in made.names)]:
                top = found.partition(".")[0]
                if not top or _is_foreign(top):
                    continue
                if top in self._tops or _is_own(top):
                    pieces = found.split(".")
                    yield from (".".join(pieces[:end]) for end in range(1, len(pieces) + 1))
                else:
                    self.imported.add(top)


def _beside(path: Path) -> set[Path]:
    """The files that a module in a file that is named (a worker of another environment) imports from its folder."""
    found: set[Path] = set()
    waiting = [path] if path.suffix == ".py" else []
    while waiting:
        file = waiting.pop()
        names = {name.partition(".")[0] for made in parsed(file).imports for name in (made.module, *made.names)}
        new = {file.with_name(f"{name}.py") for name in names if name} - found
        waiting += [other for other in new if other.is_file()]
        found |= {other for other in new if other.is_file()}
    return found


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


def _file_digest(path: Path) -> str:
    try:
        return local_digest(path)
    except OSError:
        return UNKNOWN


@lru_cache(maxsize=4096)
def _is_foreign(top: str) -> bool:
    """Whether a top-level module is ours or Python's; a file of the user's may have the name of one of Python's."""
    return top == OURS or (top in sys.stdlib_module_names and top != "__main__" and not _is_own(top))


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
