"""Where the caches keep what codecs make."""

from __future__ import annotations

from functools import lru_cache

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.prepared import Prepared
from codec_bench.adapters.systems import System
from codec_bench.fingerprint import address


class Addresses:
    """Addresses of codes and of decoded audio.

    A fingerprint is computed once per object: it asks for versions and digests of files, which stay as they are while a
    run goes on.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[System | Codec, str]] = {}

    def fingerprint(self, of: System | Codec) -> str:
        """Content address of everything that decides what a codec or a system produces."""
        if id(of) not in self._known:
            self._known[id(of)] = (of, of.fingerprint)
        return self._known[id(of)][1]

    def code(self, codec: Codec, recording: str) -> str:
        """What `codec` sends for a recording, an altered one or a piece, by its content address."""
        return _address("code", self.fingerprint(codec), recording, **kept_for(codec))

    def audio(self, system: System, recording: str) -> str:
        """What `system` makes of it."""
        return _address("system", self.fingerprint(system), recording, **kept_for(system.source))


@lru_cache(maxsize=8192)  # a run asks for each several times, and looks up a thousand utterances ahead
def _address(kind: str, fingerprint: str, recording: str, **kept: str) -> str:
    return address(**{kind: fingerprint}, recording=recording, **kept)


def kept_for(source: Codec | Prepared) -> dict[str, str]:
    """What the addresses of what a codec makes have besides where only this run may find it; nothing otherwise."""
    made = source.plug_in if isinstance(source, Codec) else None
    return {} if made is None or not made.invocation else {"invocation": made.invocation}
