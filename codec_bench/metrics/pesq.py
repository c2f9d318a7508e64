"""PESQ: ITU-T P.862 (raw, narrow-band) and P.862.2 (wide-band), with the code of the PyPI package `pesq`.

Three scores of one model that papers mix up: the wide-band MOS-LQO, the narrow-band MOS-LQO of P.862.1, and the raw
P.862 score that `pypesq` and papers after it report.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial

import numpy as np

from codec_bench.metrics import register_metric
from codec_bench.metrics.signal import Signal
from codec_bench.records import NotScorable, Status

MAX_SECONDS = 60.0
"""Longest signal that is scored.

The ITU code has room for 50 utterances and checks no bound: with more it overwrites its own tables and returns wrong
numbers, or crashes. Speech of a minute has about 25; at two minutes the narrow-band score is off by 0.5.
"""

_MAX_RAW = 4.5

_quality = partial(register_metric, better="higher", packages=("pesq",), tolerates_lag=True)


@_quality(
    "pesq_wb",
    unit="MOS-LQO",
    range=(0.999, 4.644),
    title="PESQ-wb",
    note="Wide-band PESQ, P.862.2 MOS-LQO at 16 kHz; a perfect copy scores 4.64, not 4.50.",
)
def pesq_wb(reference: Signal, decoded: Signal) -> float:
    """Wide-band PESQ (ITU-T P.862.2) as MOS-LQO.

    Args:
        reference: Original at 16 kHz, at least 0.25 s.
        decoded: Reconstruction; the levels of the two need not match, the model equalises them.

    Returns:
        MOS-LQO from about 1.0 (worst) to 4.6439 (identity). Not symmetric in its arguments.

    Raises:
        NotScorable: Silent, shorter than 0.25 s, longer than `MAX_SECONDS`, or the model finds no utterance.

    Source: ITU-T P.862.2 (2007), package `pesq`.
    """
    return _mos_lqo("wb", reference, decoded)


@_quality(
    "pesq_nb",
    unit="MOS-LQO",
    range=(0.999, 4.549),
    title="PESQ-nb",
    note="Narrow-band PESQ, P.862 with the P.862.1 mapping to MOS-LQO, of the signals at 16 kHz; a perfect copy "
    "scores 4.55.",
)
def pesq_nb(reference: Signal, decoded: Signal) -> float:
    """Narrow-band PESQ mapped to MOS-LQO, from about 1.0 to 4.5486 (identity); arguments and errors as for `pesq_wb`.

    Source: ITU-T P.862 (2001) and P.862.1 (2003), package `pesq`.
    """
    return _mos_lqo("nb", reference, decoded)


@_quality(
    "pesq_raw",
    range=(None, _MAX_RAW),
    title="PESQ-raw",
    note="Raw P.862 score (narrow-band, before the MOS-LQO mapping), as pypesq reports it; a perfect copy scores 4.50.",
)
def pesq_raw(reference: Signal, decoded: Signal) -> float:
    """Narrow-band PESQ before the mapping, from about -0.5 to 4.5 (identity); arguments and errors as for `pesq_wb`.

    The package only returns the mapped score, so the mapping is inverted.

    Source: ITU-T P.862 (2001); mapping of P.862.1 (2003), eq. 1.
    """
    return raw_from_lqo(_mos_lqo("nb", reference, decoded))


def raw_from_lqo(lqo: float) -> float:
    """Inverts the P.862.1 mapping `0.999 + 4 / (1 + exp(4.6607 - 1.4945 raw))`.

    Args:
        lqo: Narrow-band MOS-LQO, above 0.999 and below 4.999.

    >>> round(raw_from_lqo(0.999 + 4 / (1 + math.exp(4.6607 - 1.4945 * 2.5))), 9)
    2.5
    """
    raw = (4.6607 - math.log(4 / (lqo - 0.999) - 1)) / 1.4945
    return min(raw, _MAX_RAW)  # the mapped score is rounded to 32 bits, which may lie above the map of 4.5


def _mos_lqo(mode: str, reference: Signal, decoded: Signal) -> float:
    if reference.length > MAX_SECONDS * reference.rate:
        seconds = reference.length / reference.rate
        raise NotScorable(f"{seconds:.0f} s: PESQ is only valid up to {MAX_SECONDS:.0f} s (50 utterances)")
    return _pesq(mode, reference.rate, reference.samples.tobytes(), decoded.samples.tobytes())


@lru_cache(maxsize=1)
def _pesq(mode: str, rate: int, reference: bytes, decoded: bytes) -> float:
    """MOS-LQO of float32 samples; the last pair is kept because `pesq_nb` and `pesq_raw` share it."""
    from pesq import PesqError, pesq

    arrays = (np.frombuffer(samples, np.float32) for samples in (reference, decoded))
    value = float(pesq(rate, *arrays, mode, on_error=PesqError.RETURN_VALUES))
    if value == PesqError.BUFFER_TOO_SHORT:
        raise NotScorable("PESQ needs at least 0.25 s", Status.TOO_SHORT)
    if value == PesqError.NO_UTTERANCES_DETECTED:
        raise NotScorable("PESQ finds no utterance", Status.NO_SPEECH)
    if math.isnan(value):
        raise NotScorable("PESQ gives no number: nothing is left of the decoded signal in its band")
    if value < 0:
        raise RuntimeError(f"PESQ failed with code {value:.0f}")
    return value
