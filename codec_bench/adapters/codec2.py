"""Codec 2, the parametric speech coder for digital radio, using the libcodec2 bundled with the pycodec2 wheel."""

from __future__ import annotations

import _ctypes
import ctypes
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from codec_bench.adapters.classic import ClassicCodec, Pcm, classic, from_pcm
from codec_bench.adapters.spec import CodecSpec
from codec_bench.audio import FloatArray
from codec_bench.errors import CodecError, UnavailableError
from codec_bench.hub import local_digest

RATE = 8000

INSTALL = "pip install --only-binary pycodec2 'pycodec2>=4.1'"

_one_user = threading.Lock()
"""Held while the library is loaded: a second user in this process would share its static state."""


MODES = {
    "3200": (0, 160, 64),
    "2400": (1, 160, 48),
    "1600": (2, 320, 64),
    "1400": (3, 320, 56),
    "1300": (4, 320, 52),
    "1200": (5, 320, 48),
    "700C": (8, 320, 28),
}
"""Of each mode the number in codec2.h, samples and bits per packet."""


class Codec2(ClassicCodec):
    """Codec 2 at one of its bit rates.

    The synthesis draws the phases of unvoiced speech from a random generator that is a static variable of libcodec2:
    through pycodec2, decoding the same packets twice gives two different signals. Here every call loads a private
    copy of the library and unloads it, so the generator always begins at its seed, as in the program `c2dec`.
    """

    name = "codec2"
    packages = ("pycodec2",)
    title = "Codec 2"
    # 52 and 28 bits are not whole bytes: those packets end in padding, which does not count.
    # The waveform is not kept (correlation about 0.2), so there is no one delay to read off. STOI over 14 speakers is
    # highest at 20 ms for six modes and at 30 to 31 ms for 700C, which interpolates between frames. Log spectrograms
    # agree best at 18.5 to 19.5 and 29 ms (medians; single recordings: 16 to 22 and 25 to 31).
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        mode: classic(
            f"Codec 2 {mode}",
            RATE,
            hop,
            packet_bits,
            delay=240 if mode == "700C" else 160,
            licence="LGPL-2.1",
            source="https://github.com/drowe67/codec2",
        )
        for mode, (_, hop, packet_bits) in MODES.items()
    }
    modes = tuple(specs)

    @override
    @classmethod
    def unsupported(cls) -> str | None:
        if not hasattr(_ctypes, "dlclose"):
            return "libcodec2 must be unloaded after every use, which this system cannot do: use Linux or macOS"
        try:
            bundled_library()
        except UnavailableError as error:
            return str(error)
        return None

    @override
    def load(self, device: str = "cpu") -> None:
        with private_library():
            pass

    def _packets(self, frames: Pcm) -> tuple[Sequence[bytes], bytes]:
        packets = []
        with self._state() as (library, state):
            size = (library.codec2_bits_per_frame(state) + 7) // 8
            for frame in frames:
                packet = ctypes.create_string_buffer(size)
                library.codec2_encode(state, packet, frame.ctypes.data_as(_SHORTS))
                packets.append(packet.raw)
        return packets, b""

    def _samples(self, packets: Sequence[bytes], header: bytes) -> FloatArray:
        speech: Pcm = np.zeros((len(packets), self.spec.hop or 1), np.int16)
        with self._state() as (library, state):
            for packet, frame in zip(packets, speech, strict=True):
                library.codec2_decode(state, frame.ctypes.data_as(_SHORTS), packet)
        return from_pcm(speech.reshape(-1))

    @contextmanager
    def _state(self) -> Iterator[tuple[ctypes.CDLL, ctypes.c_void_p]]:
        """A library whose static state is that of a new process, and a new coder in it."""
        with private_library() as library:
            state = ctypes.c_void_p(library.codec2_create(MODES[str(self.mode)][0]))
            if not state:
                raise CodecError(f"libcodec2 was built without mode {self.mode}")
            try:
                yield library, state
            finally:
                library.codec2_destroy(state)

    def _fingerprint_parts(self) -> Mapping[str, Any]:
        return {"libcodec2": local_digest(bundled_library())}


_SHORTS = ctypes.POINTER(ctypes.c_short)


@cache
def bundled_library() -> Path:
    """The libcodec2 bundled with the wheel of pycodec2.

    Raises:
        UnavailableError: pycodec2 is not installed, or was built here against a library of the system.
    """
    try:
        installed = files("pycodec2") or []
    except PackageNotFoundError:
        raise UnavailableError(f"pycodec2 is not installed: {INSTALL}") from None
    found = [Path(str(f.locate())) for f in installed if f.name.startswith("libcodec2")]
    if not found:
        raise UnavailableError(f"the installed pycodec2 has no libcodec2: {INSTALL}")
    return found[0]


@cache
def _private_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of this process and this user alone: what lies in it is run. It goes with the process."""
    return tempfile.TemporaryDirectory(prefix="codec-bench-")


@contextmanager
def private_library() -> Iterator[ctypes.CDLL]:
    """Loads a private copy of libcodec2, and unloads it at the end.

    The copy is what makes the unloading real: code that imported pycodec2 keeps the wheel's own file loaded.

    Raises:
        UnavailableError: The library is missing or cannot be loaded from the folder of the copy.
    """
    source = bundled_library()
    with _one_user:
        copy = Path(_private_folder().name) / "libcodec2.so"
        if not copy.is_file():
            shutil.copyfile(source, copy)
        try:
            library = ctypes.CDLL(str(copy))
        except OSError as error:
            raise UnavailableError(f"libcodec2 cannot be loaded: {error}; set TMPDIR to another folder") from error
        library.codec2_create.restype = ctypes.c_void_p
        try:
            yield library
        finally:
            _ctypes.dlclose(library._handle)
