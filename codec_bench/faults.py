"""What the code of plug-ins raises: kept from ending more than one call, and told with the line to look at."""

from __future__ import annotations

import inspect
import os
import site
import sys
import sysconfig
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from codec_bench.stopping import Terminated

Out = TypeVar("Out")

_HERE = Path(__file__).resolve().parent
_MAX_TRACE = 20_000


class Stopped(Exception):  # noqa: N818 - what a plug-in ordered
    """A plug-in raised an exception that is meant to end something larger than its call."""


def contained(function: Callable[..., Out], *arguments: object, **named: object) -> Out:
    """Calls into a plug-in that must not end more than this call.

    Raises:
        Stopped: For what would have ended the process.
        Exception: What the plug-in raised.
    """
    process = os.getpid()
    try:
        return function(*arguments, **named)
    except BaseException as error:
        is_ours = isinstance(error, KeyboardInterrupt | Terminated) and not _is_server()
        if isinstance(error, Exception) or is_ours:
            raise
        raise Stopped(explained(error)) from error
    finally:
        if os.getpid() != process:
            os._exit(0)  # the plug-in has forked, and here the child came back


@lru_cache(maxsize=1)
def _is_server() -> bool:
    """Whether this process works for another one, which Ctrl-C and other signals are for."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return main is not None and Path(main).resolve() == _HERE / "processes" / "serve.py"


def text_of(error: BaseException) -> str:
    """The name of an exception and what it says, where it can say anything."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - it is a plug-in's, too
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


@contextmanager
def without_torch_warning() -> Iterator[None]:
    """Keeps to itself what torch says of read-only arrays, which plug-ins are given: a write is noticed afterwards."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        yield


def explained(error: BaseException, about: object = None) -> str:
    """An exception for people, with the line of the user's own code that it came from.

    Args:
        error: What was raised.
        about: The class or function that it tells of, where we raised it and no line of the user's was running.

    >>> try:
    ...     {}["generator"]
    ... except KeyError as error:
    ...     explained(error).partition(" (")[0]
    "KeyError: 'generator'"
    """
    if isinstance(error, Stopped):
        return str(error)
    text = text_of(error)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")]
    own = [f for f in frames if is_users(f.filename)]
    if not own and about is not None and (place := _place_of(about)):
        return f"{text} ({place})"
    if not frames:
        return text
    frame = (own or frames)[-1]
    return f"{text} ({Path(frame.filename).name}:{frame.lineno})"


def _place_of(made: object) -> str:
    """File and line where a class or a function begins; empty where there is no source."""
    try:
        file = inspect.getsourcefile(made)  # type: ignore[arg-type]
        return f"{Path(file).name}:{inspect.getsourcelines(made)[1]}" if file else ""  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""


def trace_of(error: BaseException) -> str:
    """The traceback of an exception and of its causes, the end of it where it is very long."""
    return "".join(traceback.format_exception(error))[-_MAX_TRACE:]


@lru_cache(maxsize=4096)
def is_users(file: str) -> bool:
    """Whether a file is the user's own: neither of codec-bench, nor of Python, nor of what was installed into it."""
    path = Path(file)
    if {"site-packages", "dist-packages"} & set(path.parts):
        return False
    resolved = path.resolve()
    return not any(resolved.is_relative_to(folder) for folder in (_HERE, *_installed()))


@lru_cache(maxsize=1)
def _installed() -> tuple[Path, ...]:
    """Folders of Python and of what was installed into it."""
    schemes = sysconfig.get_paths()
    paths = [schemes[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple({Path(p).resolve() for p in (*paths, *site.getsitepackages(), site.getusersitepackages())})
