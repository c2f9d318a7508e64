"""Errors that a user sees as one line, and the exit code each ends the program with."""

from __future__ import annotations

from operator import index


class CodecBenchError(Exception):
    """A failure of a whole run. The message is one line that says what to do next."""

    exit_code = 1


class UsageError(CodecBenchError):
    """The request cannot be carried out as written: unknown name, unreadable input, bad configuration."""

    exit_code = 2


class UnavailableError(UsageError):
    """A codec, metric or data set that exists but cannot run here: a missing extra, weights or encoder."""


class NoBaselineError(CodecBenchError):
    """There is no baseline yet to compare with."""

    exit_code = 3


class DiskFullError(CodecBenchError):
    """The disk that holds the cache or the run directory has no room left."""


class CodecError(Exception):
    """A codec failed on one utterance. The run records a status for it and continues."""


class SpecError(ValueError):
    """What a codec says of itself cannot be: a rate of 0, a codebook without entries, no name."""


def whole_number(field: str, value: object, least: int, unit: str = "") -> int:
    """A whole number of at least `least`, of Python or of NumPy, as one of Python.

    Raises:
        SpecError: It is something else; the message names the field.
    """
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < least:
        raise SpecError(f"{field} is a whole number{unit and ' of '}{unit}, at least {least}, not {value!r:.60}")
    return number


def first_line(error: BaseException) -> str:
    """What an error says, in one line of at most 300 characters; its kind, where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
