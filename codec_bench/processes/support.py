"""What worker modules share: they `import codec_bench_support`, under which name `serve.py` has loaded this file.

It runs on Python 3.9 or newer with NumPy, and imports torch only where it is asked to.
"""

from __future__ import annotations

import importlib
import random
import sys
import types
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any, Optional

import numpy as np

SEED = 0
"""Seeds everything that a worker draws; set before each message, so that a call does not depend on earlier ones."""


def add_source(path: str) -> None:
    """Puts a source tree first on the module path."""
    sys.path[:] = [path, *(entry for entry in sys.path if entry != path)]


def seed(number: int) -> None:
    """Seeds `random`, NumPy, and torch where something has imported it."""
    random.seed(number)
    np.random.seed(number)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "manual_seed"):
        torch.manual_seed(number)


def load_state(path: str, device: str = "cpu") -> Any:
    """What a checkpoint of torch holds, read without running anything in it.

    Args:
        path: File written by `torch.save`.
        device: Where its tensors go.

    Raises:
        Exception: What `torch.load` raises; `pickle.UnpicklingError` where the file holds more than tensors.
    """
    import torch

    return torch.load(path, map_location=device, weights_only=True)


class TorchModel:
    """What stands between messages and a model of torch: arrays as tensors, whole frames, no gradients.

    A worker derives from it and implements `codes`, `samples` and, where there are vectors to show, `vectors`.

    Args:
        model: The network, on its device.
        device: Of its tensors.
        hop: Zeros fill recordings up to a multiple of it, as far as upstream's code does not do so itself.
    """

    def __init__(self, model: Any, device: str, hop: int = 1) -> None:
        self.model, self.device, self.hop = model, device, hop

    def codes(self, audio: Any) -> Sequence[Any]:
        """Integer tensors `[frames]`, one per codebook, of a float32 tensor `[n]`."""
        raise NotImplementedError

    def samples(self, codes: Sequence[Any]) -> Any:
        """A tensor `[n]` of int64 tensors `[frames]`."""
        raise NotImplementedError

    def vectors(self, codes: Sequence[Any]) -> Any:
        """What codes stand for, `[frames, dimension]` by name."""
        return {}

    def encode(self, samples: Any) -> tuple[list[Any], dict[str, Any]]:
        """Codes of float32 `[n]`; no side information."""
        import torch

        padded = np.pad(samples, (0, -len(samples) % self.hop))
        with torch.inference_mode():
            found = self.codes(torch.from_numpy(padded).to(self.device))
            return [book.cpu().numpy().astype(np.int64) for book in found], {}

    def decode(self, codes: Sequence[Any], side: dict[str, Any]) -> Any:
        """Float32 samples."""
        import torch

        with torch.inference_mode():
            return self.samples(self.tensors(codes)).float().cpu().numpy()

    def latents(self, codes: Sequence[Any], side: dict[str, Any]) -> dict[str, Any]:
        """Float32 arrays by name."""
        import torch

        with torch.inference_mode():
            found = self.vectors(self.tensors(codes))
            return {name: vectors.float().cpu().numpy() for name, vectors in found.items()}

    def tensors(self, codes: Sequence[Any]) -> list[Any]:
        """Arrays as tensors on the device."""
        import torch

        return [torch.from_numpy(book).to(self.device) for book in codes]


class _Dummy:
    """Stands for whatever a stubbed module is asked for: a base class, a decorator, a function, a submodule.

    Called with one class or function it returns that, as a decorator would; otherwise another stand-in.
    """

    def __init__(self, name: str = "stub") -> None:
        self.__name__ = self.__qualname__ = name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if len(arguments) == 1 and not named and isinstance(arguments[0], (type, types.FunctionType)):
            return arguments[0]
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return _Dummy(f"{self.__name__}.{name}")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        alone = not any(isinstance(base, type) for base in bases)
        return (_Base,) if alone and bases[0] is self else ()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __repr__(self) -> str:
        return f"<{self.__name__}: a stand-in for what was stubbed>"


class _Base:
    """What a class inherits from whose only bases were stubbed."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass


class _Module(types.ModuleType):
    """A module that has every attribute."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return _Dummy(f"{self.__name__}.{name}")


class _Stubs(MetaPathFinder, Loader):
    """Finds stubbed modules and everything below them."""

    def __init__(self) -> None:
        self.attributes: dict[str, dict[str, Any]] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Optional[ModuleSpec]:  # noqa: UP045 - 3.9
        """A module of ours where the name is stubbed, or is below such a one."""
        if any(name == known or name.startswith(f"{known}.") for known in self.attributes):
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """A module that has every attribute."""
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Sets the attributes that were asked for."""
        module.__dict__.update(self.attributes.get(module.__name__, {}))


_stubs = _Stubs()


def stub(*names: str, **attributes: Any) -> None:
    """Puts empty modules in the place of those that a source imports for training only.

    Whatever is taken from one is a stand-in that can be called, inherited from and used as a decorator or a context; it
    does nothing, so nothing that decides the output may be stubbed. Modules below a stubbed one are stubbed with it,
    and packages above one where they cannot be imported. A module that is imported already is replaced.

    Args:
        names: Modules, e.g. `pytorch_lightning`, `torch.utils.tensorboard`.
        attributes: What these modules have besides, e.g. `LightningModule=torch.nn.Module`.
    """
    if _stubs not in sys.meta_path:
        sys.meta_path.insert(0, _stubs)
    for name in names:
        _stubs.attributes[name] = attributes
        for known in [known for known in sys.modules if known == name or known.startswith(f"{name}.")]:
            del sys.modules[known]
        for parent in _parents(name):
            if not _is_importable(parent):
                _stubs.attributes.setdefault(parent, {})
        importlib.import_module(name)


def _parents(name: str) -> Sequence[str]:
    """`a` and `a.b` for `a.b.c`."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def _is_importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
