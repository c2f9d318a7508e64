"""What it takes to run a codec on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.published_only import WHY, PublishedOnly


class State(str, Enum):
    """What it takes to have a codec here, or the system of a row in a paper's table."""

    HERE = "here"
    FETCH = "after fetch"
    INSTALL = "after an installation"
    ENVIRONMENT = "after an environment"
    FILES = "only as files"
    """Nobody but its authors can run it; audio that they made of the recordings can be scored."""
    NOWHERE = "nowhere"


@dataclass(frozen=True)
class Standing:
    """A state, and the reason where what it is about does not run here now."""

    state: State
    reason: str = ""


def codec_standing(codec: type[Codec]) -> Standing:
    """What it takes to run a codec here."""
    if issubclass(codec, PublishedOnly):
        return Standing(State.FILES, WHY[codec.name])
    if blocked := codec.unsupported():
        if not issubclass(codec, IsolatedCodec):
            return Standing(State.INSTALL, blocked)
        return Standing(State.ENVIRONMENT, f"{blocked}; it runs on a GPU only" if codec.needs_gpu else blocked)
    missing = codec.unavailable()
    return Standing(State.FETCH, missing) if missing else Standing(State.HERE)
