"""What objects hold: the part of a plug-in that its source does not show."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path, PurePath
from types import CellType, ModuleType
from typing import Any

import numpy as np

from codec_bench.faults import is_users

_MAX_DEPTH = 20


@dataclass(frozen=True)
class State:
    """What an object holds.

    Attributes:
        digest: SHA-256 over all of it but paths, so that an object may be loaded from another folder.
        tensors: SHA-256 over tensors and arrays alone, which a second object of the same files has too.
        parameters: Numbers in PyTorch modules and tensors.
    """

    digest: str
    tensors: str
    parameters: int


def state_of(made: Any, skip: Iterable[str] = (), modules: Iterable[str] = ()) -> State:
    """What an object and its class hold: tensors and buffers of PyTorch modules, arrays, plain values, closures.

    What else it holds counts by its type. The device does not matter.

    Args:
        made: The object.
        skip: Attributes that do not count.
        modules: Modules whose global values count.

    Raises:
        Exception: Something in it cannot be looked at.
    """
    walk = _Walk()
    skipped = set(skip)
    for name, value in sorted(_attributes(made).items()):
        if name not in skipped:
            walk.add(name, value)
    for cls in type(made).__mro__:
        if is_users(getattr(sys.modules.get(cls.__module__), "__file__", None) or ""):
            for name, value in sorted(vars(cls).items()):
                if not name.startswith("__") and name not in skipped:
                    walk.add(f"{cls.__qualname__}::{name}", value)
    for name in sorted(modules):
        for variable, value in sorted(vars(sys.modules.get(name, ModuleType(name))).items()):
            if not variable.startswith("__") and _is_plain(value):
                walk.add(f"{name}:{variable}", value)
    return walk.state()


def captured(function: Any) -> str:
    """SHA-256 over what a function was made with: arguments of a `partial`, defaults, variables of its closure.

    Empty where it was made with nothing.
    """
    walk = _Walk()
    parts = list(_captured(function))
    for name, value in parts:
        walk.add(name, value)
    return walk.state().digest if parts else ""


def _captured(function: Any) -> Iterator[tuple[str, Any]]:
    while isinstance(function, partial):
        yield from ((f"partial[{i}]", value) for i, value in enumerate(function.args))
        yield from ((f"partial.{name}", function.keywords[name]) for name in sorted(function.keywords))
        function = function.func
    function = getattr(function, "__func__", function)
    if not inspect.isfunction(function):
        return
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name != "__class__" and (value := _content(cell)) is not None:
            yield f"closure.{name}", value
    yield from ((f"default[{i}]", value) for i, value in enumerate(function.__defaults__ or ()))
    yield from sorted((f"default.{name}", value) for name, value in (function.__kwdefaults__ or {}).items())


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


class _Walk:
    """Hashes nested values, each object once."""

    def __init__(self) -> None:
        self._everything = hashlib.sha256()
        self._tensors = hashlib.sha256()
        self._parameters = 0
        self._seen: dict[int, Any] = {}

    def state(self) -> State:
        """What came together."""
        return State(self._everything.hexdigest(), self._tensors.hexdigest(), self._parameters)

    def add(self, name: str, value: Any, depth: int = 0) -> None:
        """Adds a value under its name."""
        self._note(name, type(value).__qualname__)
        if value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic):
            if not (isinstance(value, str) and _is_path(value)):
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
            self._parameters += value.numel()
            plain = value.detach().cpu().contiguous().flatten()
            data = plain.view(torch.uint8).numpy().tobytes() if plain.numel() else b""
            what = f"{name}{plain.dtype}{tuple(value.shape)}"
        else:
            return False
        for kind in (self._everything, self._tensors):
            kind.update(what.encode() + b"\0")
            kind.update(data)
        return True

    def _note(self, *texts: str) -> None:
        for text in texts:
            self._everything.update(text.encode("utf-8", "surrogatepass") + b"\0")


def _parts_of(value: Any) -> Iterable[tuple[str, Any]]:
    """What a value consists of, by names that do not depend on the order in which it was filled."""
    torch = sys.modules.get("torch")
    found: Iterable[tuple[str, Any]] = ()
    if torch is not None and isinstance(value, torch.nn.Module):
        found = _parts_of_network(value)
    elif torch is not None and isinstance(value, torch.jit.ScriptFunction):
        found = [("!graph", str(value.graph))]
    elif isinstance(value, Mapping):
        found = sorted(((f"[{key!r}]", entry) for key, entry in value.items()), key=itemgetter(0))
    elif isinstance(value, list | tuple):
        found = [(f"[{index}]", entry) for index, entry in enumerate(value)]
    elif isinstance(value, Set):
        found = [(f"{{{index}}}", text) for index, text in enumerate(sorted(map(repr, value)))]
    elif inspect.isroutine(value) or isinstance(value, partial | staticmethod | classmethod):
        found = _captured(value)
    elif not isinstance(value, type | ModuleType | PurePath | property):
        found = sorted(((f".{key}", entry) for key, entry in _attributes(value).items()), key=itemgetter(0))
    return found


def _parts_of_network(network: Any) -> Iterator[tuple[str, Any]]:
    """Parameters, all buffers, and plain attributes of a PyTorch module and of those in it."""
    torch = sys.modules["torch"]
    tensors = dict(network.named_buffers()) | network.state_dict()  # which lacks buffers that are not persistent
    yield from ((f".{name}", tensors[name]) for name in sorted(tensors))
    for name, module in network.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            yield f".{name}!graph", str(getattr(module, "inlined_graph", ""))
            continue
        for attribute, value in sorted(vars(module).items()):
            if not attribute.startswith("_") and _is_plain(value):
                yield f".{name}.{attribute}", value


def _is_plain(value: Any) -> bool:
    """Whether something is a value, and no code and nothing that is made of code."""
    if isinstance(value, Mapping):
        return all(_is_plain(part) for part in value.values())
    if isinstance(value, Sequence | Set) and not isinstance(value, str | bytes):
        return all(_is_plain(part) for part in value)
    torch = sys.modules.get("torch")
    is_tensor = torch is not None and isinstance(value, torch.Tensor)
    numbers = bool | int | float | complex | str | bytes | np.generic | np.ndarray
    return value is None or isinstance(value, numbers) or is_tensor


def _attributes(value: Any) -> dict[str, Any]:
    """Attributes of an object, those in slots included."""
    slots = [name for cls in type(value).__mro__ for name in _slots(cls)]
    found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return found | dict(getattr(value, "__dict__", {}))


def _slots(cls: type) -> Sequence[str]:
    names = cls.__dict__.get("__slots__", ())
    return [names] if isinstance(names, str) else [n for n in names if n not in ("__dict__", "__weakref__")]


def _is_path(text: str) -> bool:
    """Whether a string says where something lies, which may be elsewhere tomorrow."""
    try:
        return os.sep in text and (Path(text).is_absolute() or Path(text).exists())
    except (OSError, ValueError):
        return False
