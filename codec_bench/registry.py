"""Names of plug-ins: a lazy table for what ships, a decorator and entry points for what does not."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import logging
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from codec_bench.errors import UsageError
from codec_bench.faults import contained, explained

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Registry(Generic[T]):
    """Maps names to plug-ins of one kind; looking at the names imports nothing.

    Args:
        kind: How messages call a plug-in: `codec`, `metric`, `dataset`.
        table: `name -> "module:object"` of the plug-ins that ship with the package; the object is the plug-in, or a
            dictionary of plug-ins by name.
        group: Entry-point group through which installed packages add theirs.
    """

    def __init__(self, kind: str, table: Mapping[str, str], group: str) -> None:
        self.kind = kind
        self._table = dict(table)
        self._group = group
        self._loaded: dict[str, T] = {}
        self._entry_points_read = False

    def add(self, name: str, plugin: T) -> T:
        """Registers `plugin`; the last one of a name wins, so a user can replace a built-in."""
        self._loaded[name] = plugin
        return plugin

    def names(self) -> list[str]:
        """All known names: the shipped ones in the order of the table, then the others."""
        self._read_entry_points()
        return list(dict.fromkeys([*self._table, *self._loaded]))

    def get(self, name: str) -> T:
        """Imports and returns a plug-in.

        Args:
            name: A registered name, or `package.module:object`, which is looked for in the current folder, too.

        Raises:
            UsageError: No such plug-in; the message offers the nearest names.
        """
        if ":" in name:
            look_here(name.partition(":")[0])
            return self._import(name)  # not kept: the module may be reloaded
        if name not in self._loaded:
            self._read_entry_points()
            if name in self._table:
                self._loaded[name] = self._from_table(name)
            else:
                raise self.not_known(name)
        return self._loaded[name]

    def not_known(self, name: str) -> UsageError:
        """The error for a name that is none; it offers the nearest ones, or what lies in a file of that name here."""
        return UsageError(_in_file(self.kind, name) or unknown(self.kind, name, self.names()))

    def gives(self, name: str, plugin: T) -> bool:
        """Whether this is what a name stands for in every process, and not only where `add` was called.

        Raises:
            UsageError: It cannot be imported.
        """
        if ":" in name:
            return self.get(name) is plugin
        self._read_entry_points()
        return name in self._table and self._from_table(name) is plugin

    def module(self, name: str) -> str:
        """The module that the table says a plug-in is in; empty for one that is not in it. Imports nothing."""
        self._read_entry_points()
        return self._table.get(name, "").partition(":")[0]

    def _from_table(self, name: str) -> T:
        found = self._import(self._table[name])
        return found[name] if isinstance(found, dict) else found

    def _import(self, target: str) -> T:
        module_name, _, attribute = target.partition(":")
        try:
            module: ModuleType = contained(importlib.import_module, module_name)
        except ImportError as error:
            told = _absent(module_name) if getattr(error, "name", "") == module_name else str(error)
            raise UsageError(f"{self.kind} {target!r} cannot be imported: {told}") from error
        except Exception as error:
            raise UsageError(f"{self.kind} {target!r} cannot be imported: {explained(error)}") from error
        try:
            plugin: T = getattr(module, attribute)
        except AttributeError:
            near = difflib.get_close_matches(attribute, [name for name in vars(module) if name[0] != "_"], n=2)
            hint = f"; did you mean {' or '.join(f'{module_name}:{name}' for name in near)}?" if near else ""
            raise UsageError(f"module {module_name!r} has no {self.kind} named {attribute!r}{hint}") from None
        return plugin

    def _read_entry_points(self) -> None:
        if not self._entry_points_read:
            self._entry_points_read = True
            for point in entry_points(group=self._group):
                self._table.setdefault(point.name, point.value)


def look_here(module: str) -> None:
    """Lets Python find a module of the user's in the current folder, as it does for a script that lies there.

    The folder comes last on the path, so it hides nothing that is installed, and only once a module was named that is
    installed nowhere: a folder that happens to be called like a package is never imported for it. It stays there, for
    modules import others when they please, and processes that we start are given the path of their parent.
    """
    top = module.partition(".")[0]
    folder = _here()
    if folder is None or not top:
        return
    elsewhere = _place_of(top)
    own = folder / top
    if elsewhere is None:
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        importlib.invalidate_caches()  # it may have been written a moment ago
    elif (own.with_suffix(".py").is_file() or own.is_dir()) and folder not in elsewhere.parents:
        _tell_hidden(top, elsewhere)


@cache
def _tell_hidden(top: str, elsewhere: Path) -> None:
    """Says once that what lies in the current folder is not what a name stands for."""
    logger.warning("module %s is that of %s, which comes before the one in this folder: rename yours", top, elsewhere)


def _here() -> Path | None:
    """The current folder, if it is still there."""
    try:
        return Path.cwd()
    except OSError:
        return None


def _place_of(top: str) -> Path | None:
    """Where Python finds a module now; None where it does not."""
    loaded = sys.modules.get(top)
    if loaded is not None:
        return Path(getattr(loaded, "__file__", None) or top).resolve()
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if found is None:
        return None
    places = [found.origin] if found.has_location and found.origin else list(found.submodule_search_locations or [])
    return Path(places[0]).resolve() if places else Path(top)


def _absent(module: str) -> str:
    """What to say of a module that is found nowhere."""
    folder = _here()
    names = sorted(path.stem for path in folder.glob("*.py")) if folder else []
    near = difflib.get_close_matches(module, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ": go to the folder where it lies, or install it"
    return f"No module named {module!r}, neither installed nor in this folder{hint}"


def _in_file(kind: str, name: str) -> str:
    """What to say of a name that is that of a file in the current folder, which is not run for it; else empty."""
    module = name.removesuffix(".py")
    folder = _here()
    path = folder / f"{module}.py" if folder and module.isidentifier() else None
    if path is None or not path.is_file():
        return ""
    try:
        parts = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        parts = []
    what = ast.FunctionDef if kind == "metric" else ast.ClassDef
    found = [f"{module}:{part.name}" for part in parts if isinstance(part, what) and part.name[0] != "_"]
    wanted = " or ".join(found[-3:]) or f"{module}:NAME"
    return f"unknown {kind} {name!r}; {module}.py lies here: say what of it, as in {wanted}"


def unknown(kind: str, name: str, known: list[str]) -> str:
    """One line for a name that is not known.

    >>> unknown("metric", "pesq-wb", ["pesq_wb", "stoi"])
    "unknown metric 'pesq-wb'; did you mean 'pesq_wb'?"
    """
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"unknown {kind} {name!r}; did you mean {' or '.join(repr(n) for n in near)}?"
    return f"unknown {kind} {name!r}; known: {', '.join(known)}"
