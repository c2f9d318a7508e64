"""The low-pass anchors of ITU-R BS.1534-3: what every listener should hear as worse."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio
from codec_bench.errors import UsageError

TRANSITION = 500.0
"""Hz between the end of the pass band and the start of the stop band."""

ATTENUATION = 60.0
"""dB in the stop band. BS.1534-3 asks for 25 dB at 4 kHz, 50 dB at 4.5 kHz, and 0.1 dB of ripple up to 3.5 kHz."""


def low_pass(audio: Audio, edge: float) -> Audio:
    """An anchor: everything up to `edge` as it was, nothing 500 Hz above it, not delayed.

    webMUSHRA can make anchors itself (`createAnchor35`), for five sampling rates and later than the reference by half
    of its filter; these are aligned, and at the rate of the recording.

    Args:
        audio: The recording.
        edge: End of the pass band in Hz; 3500 for the low anchor, 7000 for the mid anchor.

    Raises:
        UsageError: The recording has no room above the anchor's stop band.
    """
    from scipy.signal import oaconvolve

    if edge + TRANSITION >= audio.rate / 2:
        raise UsageError(
            f"recordings of {audio.rate} Hz hold too little above {edge:g} Hz for an anchor there: leave it out of "
            "--anchors"
        )
    taps = _filter(edge, audio.rate)
    return Audio(oaconvolve(audio.samples.astype(np.float64), taps, mode="same").astype(np.float32), audio.rate)


@lru_cache(maxsize=8)
def _filter(edge: float, rate: int) -> NDArray[np.float64]:
    """A symmetric filter of odd length: its delay is a whole number of samples, which `mode="same"` takes away."""
    from scipy.signal import firwin, kaiserord

    count, beta = kaiserord(ATTENUATION, TRANSITION / (rate / 2))
    taps: NDArray[np.float64] = firwin(count | 1, edge + TRANSITION / 2, window=("kaiser", beta), fs=rate)
    return taps
