"""Errors that a user sees as one line, and the exit code each ends the program with."""

from __future__ import annotations


class CodecBenchError(Exception):
    """A failure of a whole run. The message is one line that says what to do next."""

    exit_code = 1


class UsageError(CodecBenchError):
    """The request cannot be carried out as written: unknown name, unreadable input, bad configuration."""

    exit_code = 2


class UnavailableError(UsageError):
    """A codec, metric or data set that exists but cannot run here: a missing extra, weights or encoder."""


class DiskFullError(CodecBenchError):
    """The disk that holds the cache or the run directory has no room left."""


class CodecError(Exception):
    """A codec failed on one utterance. The run records a status for it and continues."""


def first_line(error: BaseException) -> str:
    """What an error says, in one line of at most 300 characters; its kind, where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
