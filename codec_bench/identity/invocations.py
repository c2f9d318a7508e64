"""Names of invocations: what is kept for one run only has an address that no later run asks for."""

from __future__ import annotations

import os
import uuid

_VARIABLE = "CODEC_BENCH_INVOCATION"


def invocation() -> str:
    """Names this invocation, in its worker processes too: an address with it is found again by nothing later."""
    return os.environ.setdefault(_VARIABLE, uuid.uuid4().hex)


def new_invocation() -> None:
    """Begins another one: what is kept for one run only is not found by the next one of the same process."""
    join_invocation(uuid.uuid4().hex)


def join_invocation(name: str) -> None:
    """Makes this process, and those that it starts from now on, part of an invocation."""
    os.environ[_VARIABLE] = name
