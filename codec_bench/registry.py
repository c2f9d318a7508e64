"""Names of plug-ins: a lazy table for what ships, a decorator and entry points for what does not."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from codec_bench.errors import UsageError
from codec_bench.faults import contained, explained

T = TypeVar("T")


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
            name: A registered name, or `package.module:object`.

        Raises:
            UsageError: No such plug-in; the message offers the nearest names.
        """
        if ":" in name:
            return self._import(name)  # not kept: the module may be reloaded
        if name not in self._loaded:
            self._read_entry_points()
            if name in self._table:
                self._loaded[name] = self._from_table(name)
            else:
                raise UsageError(unknown(self.kind, name, self.names()))
        return self._loaded[name]

    def gives(self, name: str, plugin: T) -> bool:
        """Whether this is what a name stands for in every process, and not only where `add` was called.

        Raises:
            UsageError: It cannot be imported.
        """
        if ":" in name:
            return self._import(name) is plugin
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
            module = contained(importlib.import_module, module_name)
        except ImportError as error:
            raise UsageError(f"{self.kind} {target!r} cannot be imported: {error}") from error
        except Exception as error:
            raise UsageError(f"{self.kind} {target!r} cannot be imported: {explained(error)}") from error
        try:
            plugin: T = getattr(module, attribute)
        except AttributeError:
            raise UsageError(f"module {module_name!r} has no {self.kind} named {attribute!r}") from None
        return plugin

    def _read_entry_points(self) -> None:
        if not self._entry_points_read:
            self._entry_points_read = True
            for point in entry_points(group=self._group):
                self._table.setdefault(point.name, point.value)


def unknown(kind: str, name: str, known: list[str]) -> str:
    """One line for a name that is not known.

    >>> unknown("metric", "pesq-wb", ["pesq_wb", "stoi"])
    "unknown metric 'pesq-wb'; did you mean 'pesq_wb'?"
    """
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"unknown {kind} {name!r}; did you mean {' or '.join(repr(n) for n in near)}?"
    return f"unknown {kind} {name!r}; known: {', '.join(known)}"
