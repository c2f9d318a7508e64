"""Speech recognisers: named backends that turn a signal into a transcript, which WER and CER compare.

A backend is written `FAMILY` or `FAMILY:MODEL`. A new one is a function from the model's name ("" for the default) to a
`Recogniser`, in the table below or under the entry-point group `codec_bench.asr` of an installed package.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.metrics.signal import Array, Feature
from codec_bench.registry import Registry


@dataclass(frozen=True)
class Recogniser(Feature):
    """A feature that gives the transcript of a 16 kHz signal as a 0-d string array; empty where nothing was heard.

    Attributes:
        label: As columns show it, e.g. `pocketsphinx`.
        languages: ISO 639-1 codes that it knows; empty for any.
    """

    label: str = ""
    languages: tuple[str, ...] = ()

    def knows(self, language: str | None) -> bool:
        """Whether it can transcribe a language; one that is not stated is taken to be known.

        >>> pocketsphinx.knows("en-GB"), pocketsphinx.knows("zh"), pocketsphinx.knows(None)
        (True, False, True)
        """
        return not (self.languages and language) or language.lower().replace("_", "-").split("-")[0] in self.languages


BACKENDS: Registry[Callable[[str], Recogniser]] = Registry(
    "ASR backend",
    {"pocketsphinx": "codec_bench.metrics.asr:pocketsphinx_backend"},
    group="codec_bench.asr",
)


@cache
def backend(name: str) -> Recogniser:
    """A recogniser by name, e.g. `pocketsphinx`.

    Raises:
        UsageError: No such backend; the message offers the nearest names.
        UnavailableError: Its extra or its model is missing.

    >>> backend("pocketsphinx").languages
    ('en',)
    """
    family, _, model = name.partition(":")
    return BACKENDS.get(family)(model)


def default_backend() -> tuple[str, str]:
    """The best backend that is installed, and a warning about it, empty where there is nothing to warn of."""
    return (
        "pocketsphinx",
        "WER and CER use pocketsphinx, the recogniser that works offline: its own error rate is about 30 % on read "
        "English, so they rank systems coarsely and compare with no paper",
    )


_LOCK = threading.Lock()
"""The decoder of this process serves one utterance at a time."""


@cache
def _decoder() -> Any:
    """PocketSphinx with the US English model of its own package, whatever POCKETSPHINX_PATH says."""
    from pocketsphinx import Decoder

    spec = importlib.util.find_spec("pocketsphinx")
    folders = [Path(f) / "model" / "en-us" for f in (spec.submodule_search_locations or [])] if spec else []
    model = next((f for f in folders if (f / "en-us.lm.bin").is_file()), None)
    if model is None:
        raise UnavailableError("pocketsphinx lacks its model: pip install --force-reinstall pocketsphinx")
    return Decoder(
        hmm=str(model / "en-us"),
        lm=str(model / "en-us.lm.bin"),
        dict=str(model / "cmudict-en-us.dict"),
        loglevel="FATAL",
    )


def _recognise(audio: Audio) -> Array:
    """Decodes a whole utterance; the result does not depend on what was decoded before."""
    pcm = np.clip(np.round(audio.samples * np.float32(32768)), -32768, 32767).astype(np.int16)
    if not pcm.any():
        return np.array("")  # the decoder would make up a word
    with _LOCK:
        decoder = _decoder()
        decoder.reinit_feat()  # else the noise estimate and the cepstral mean of the last utterance are carried over
        decoder.start_utt()
        decoder.process_raw(pcm.tobytes(), full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
    return np.array(hypothesis.hypstr if hypothesis else "")


pocketsphinx = Recogniser(
    "transcript/pocketsphinx/en-us",
    _recognise,
    packages=("pocketsphinx",),
    expensive=True,
    label="pocketsphinx",
    languages=("en",),
)
"""CMU PocketSphinx with its bundled US English model: works offline, makes errors in about 30 % of the words of read
speech. Whole-utterance decoding at 16 kHz, 16 bit."""


def pocketsphinx_backend(model: str) -> Recogniser:
    """The `pocketsphinx` backend; it has one model."""
    if model:
        raise UsageError(f"pocketsphinx has one model, its own: write pocketsphinx, not pocketsphinx:{model}")
    return pocketsphinx
