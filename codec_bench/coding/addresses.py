"""Where the caches keep what codecs make."""

from __future__ import annotations

from codec_bench.adapters.codec import Codec
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
        return address(code=self.fingerprint(codec), recording=recording)

    def audio(self, system: System, recording: str) -> str:
        """What `system` makes of it."""
        return address(system=self.fingerprint(system), recording=recording)
