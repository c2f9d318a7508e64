"""What a program hands over in place of names: codecs with the model they hold, classes, paths, data sets, metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codec_bench.adapters import CODECS
from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import System, fetch_weights, systems_of
from codec_bench.coding.devices import chosen_device, networks_of
from codec_bench.datasets import DATASETS
from codec_bench.datasets.dataset import Dataset
from codec_bench.errors import UsageError
from codec_bench.identity import state_of
from codec_bench.metrics import Metric
from codec_bench.registry import Registry


@dataclass(frozen=True)
class Given:
    """Objects, by the names that the options have for them.

    Attributes:
        systems: The rows of each codec object.
        datasets: Data set objects.
    """

    systems: Mapping[str, Sequence[System]] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)


NOTHING = Given()


def listed(value: Any) -> list[Any]:
    """The entries of a list of anything, or one thing as a list of it; a path is one thing, commas or not."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def codecs_of(
    entries: Iterable[Any], codebooks: Sequence[int], device: str
) -> tuple[list[Any], dict[str, list[System]]]:
    """What the options have for codecs, and the rows of those that are objects.

    A class that another process can import goes by its name. An object is measured as it is, on its device, in this
    process; one that holds no network yet is loaded first.

    Raises:
        UsageError: An entry is no codec, or two objects would have rows of one name.
    """
    names: list[Any] = []
    found: dict[str, list[System]] = {}
    for entry in entries:
        if isinstance(entry, Path):
            names.append({"files": str(entry)} if "," in str(entry) else f"files:{entry}")
        elif isinstance(entry, Codec) or (isinstance(entry, type) and issubclass(entry, Codec)):
            name = _name_of(CODECS, entry)
            if name is not None and isinstance(entry, type):
                names.append(name)
                continue
            objects = [entry] if isinstance(entry, Codec) else [entry(mode) for mode in entry.modes or (None,)]
            for made in objects:
                _make_live(made, device)
                systems = systems_of(made, codebooks)
                if any(systems[0].label == other.label for group in found.values() for other in group):
                    raise UsageError(f"two codecs would be the row {systems[0].label!r}: give one another `name`")
                names.append(systems[0].label)
                found[systems[0].label] = systems
        elif isinstance(entry, str | Mapping) or hasattr(entry, "files"):
            names.append(entry)
        else:
            raise UsageError(
                "a codec is a name ('opus@6000'), a Codec class or object, or a Path of decoded audio, not "
                f"{entry!r:.60}"
            )
    return names, found


def datasets_of(entries: Iterable[Any]) -> tuple[list[str], dict[str, Dataset]]:
    """What the options have for data sets, and those that are objects, by their names.

    Raises:
        UsageError: An entry is no data set, or two objects have one name.
    """
    names: list[str] = []
    found: dict[str, Dataset] = {}
    for entry in entries:
        is_class = isinstance(entry, type) and issubclass(entry, Dataset)
        if isinstance(entry, str | Path) or (is_class and _name_of(DATASETS, entry) is not None):
            names.append(str(entry) if isinstance(entry, str | Path) else str(_name_of(DATASETS, entry)))
            continue
        made = entry() if is_class else entry
        if not isinstance(made, Dataset):
            raise UsageError(f"a data set is a name ('demo'), a path, or a Dataset, not {made!r:.60}")
        if made.name in names:
            raise UsageError(f"two data sets are called {made.name!r}: give one another `name`")
        names.append(made.name)
        found[made.name] = made
    return names, found


def metrics_of(entries: Iterable[Any]) -> list[str]:
    """What the options have for metrics; scoring processes make them of their names.

    Raises:
        UsageError: An entry is no metric, or one that no other process can import.
    """
    names = []
    for entry in entries:
        if not isinstance(entry, Metric):
            names.append(entry)
            continue
        if entry.origin or not entry.code:
            names.append(entry.spelling)
            continue
        module = sys.modules.get(entry.function.__module__)
        places = [name for name, value in vars(module).items() if value is entry] if module else []
        if not places or entry.function.__module__ == "__main__":
            raise UsageError(
                f"metric {entry.label} is scored in other processes, which cannot import it: write it into a module, "
                "and hand over that module's object"
            )
        names.append(f"{entry.function.__module__}:{places[0]}")
    return names


def _name_of(registry: Registry[Any], made: Any) -> str | None:
    """How another process can make a class; None for one of a notebook, of a script or of a function."""
    cls = made if isinstance(made, type) else type(made)
    registered = getattr(cls, "name", None)
    if isinstance(registered, str) and registered in registry.names() and registry.gives(registered, cls):
        return registered
    module = sys.modules.get(cls.__module__)
    if cls.__module__ == "__main__" or getattr(module, cls.__qualname__, None) is not cls:
        return None
    return f"{cls.__module__}:{cls.__qualname__}"


def _make_live(codec: Codec, device: str) -> None:
    """Loads an object that is not, and notes what it holds, which is part of the addresses of what it makes."""
    codec.live = ""
    if not (codec.is_loaded or networks_of(codec)):
        fetch_weights(codec)
        codec.load(chosen_device(device, codec))
        codec.is_loaded = True
    codec._plug_in = None  # what it held in an earlier run
    modules = codec.plug_in.source.modules if codec.plug_in else ()
    with inferring([codec]):
        codec.live = state_of(codec, skip=codec.unheld, modules=modules).digest


@contextmanager
def inferring(codecs: Iterable[Codec]) -> Iterator[None]:
    """Has the networks of objects in evaluation mode, and afterwards each of their modules in the mode it was in."""
    networks = [network for codec in codecs for network in networks_of(codec)]
    modes = [(module, module.training) for network in networks for module in network.modules()]
    try:
        for network in networks:
            network.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode
