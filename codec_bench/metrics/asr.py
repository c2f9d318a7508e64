"""Speech recognisers: named backends that turn a signal into a transcript, which WER and CER compare.

A backend is written `FAMILY` or `FAMILY:MODEL`. A new one is a function from the model's name ("" for the default) to a
`Recogniser`, in the table below or under the entry-point group `codec_bench.asr` of an installed package. One that runs
in an environment of its own has it as its attribute `environment`. One of the user's, `package.module:object`, is such
a function, or the `Recogniser` itself.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from codec_bench.audio import Audio
from codec_bench.cache import ArrayCache
from codec_bench.errors import CodecBenchError, UnavailableError, UsageError
from codec_bench.faults import contained, explained
from codec_bench.files import local_digest
from codec_bench.fingerprint import address, package_versions
from codec_bench.hub import RemoteFile, may_be_fetched, missing
from codec_bench.languages import code_of
from codec_bench.metrics.model import Model
from codec_bench.metrics.resampling import SOXR_HQ, Resampler
from codec_bench.metrics.signal import Array, Feature, feature_address
from codec_bench.registry import Registry

RATE = 16_000
"""Sampling rate in Hz of what recognisers are given."""


@dataclass(frozen=True)
class Recogniser(Feature):
    """A feature that gives the transcript of a 16 kHz signal as a 0-d string array; empty if nothing was heard.

    Attributes:
        label: As columns show it, e.g. `pocketsphinx`.
        languages: Those that it knows, in any spelling of `languages.find`; empty for any.
    """

    label: str = ""
    languages: tuple[str, ...] = ()

    def knows(self, language: str | None) -> bool:
        """Whether it can transcribe a language; one that is not stated is taken to be known.

        >>> [pocketsphinx.knows(language) for language in ("en-GB", "eng", "English", None, "zh")]
        [True, True, True, True, False]
        """
        code = code_of(language)
        return not (self.languages and code) or code in map(code_of, self.languages)


BACKENDS: Registry[Callable[[str], Recogniser]] = Registry(
    "ASR backend",
    {
        "pocketsphinx": "codec_bench.metrics.asr:pocketsphinx_backend",
        "nemo": "codec_bench.metrics.asr_nemo:nemo_backend",
        "whisper": "codec_bench.metrics.asr_whisper:whisper_backend",
    },
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
    if not model or family in BACKENDS.names():
        return BACKENDS.get(family)(model)
    try:
        found = BACKENDS.get(name)
    except UsageError as error:
        # With no such module, a family was meant that does not exist.
        raise (BACKENDS.not_known(family) if getattr(error.__cause__, "name", "") == family else error) from None
    try:
        made = found if isinstance(found, Recogniser) else contained(found, "")
    except CodecBenchError:
        raise
    except Exception as error:
        raise UsageError(f"ASR backend {name} cannot be made: {explained(error)}") from error
    if not isinstance(made, Recogniser):
        raise UsageError(f"{name} is no Recogniser, and no function that makes one of a model's name, but {made!r:.60}")
    return made


WHISPERS = (
    "whisper", "whisper:large-v3-turbo", "whisper:large-v2", "whisper:large-v1", "whisper:medium", "whisper:medium.en",
    "whisper:small", "whisper:small.en", "whisper:base", "whisper:base.en", "whisper:tiny", "whisper:tiny.en",
)  # fmt: skip
"""The models of Whisper that `auto` takes, the best one first."""


FETCHED = "whisper:small"
"""The model of Whisper that `auto` fetches: one that a CPU can run, and that knows many languages."""

CHOICE = "CODEC_BENCH_ASR"
"""Variable of the environment with what `auto` stands for."""


def default_backend() -> tuple[str, str]:
    """The best backend that can run here, and a warning about it, empty if there is nothing to warn of.

    That is what `CODEC_BENCH_ASR` names; otherwise `nemo` where NeMo, or its environment, and the default model are
    here; otherwise the best model of Whisper that is here; otherwise a small one, where Whisper is installed and the
    server of its weights answers; otherwise `pocketsphinx`.
    """
    if named := os.environ.get(CHOICE):
        return named, _POCKETSPHINX if named == "pocketsphinx" else ""
    for name in ("nemo", *WHISPERS):
        model = backend(name).model
        if model is None or model.problem("") is not None:
            continue
        if name in ("nemo", "whisper"):
            return name, ""
        return name, f"WER and CER use {name}, the best recogniser that is here: papers use larger ones"
    small = backend(FETCHED).model
    if small is not None and small.unsupported() is None and may_be_fetched(missing(small.weights)[0]):
        return FETCHED, (
            f"WER and CER use {FETCHED}, which is fetched once: papers use larger ones; --asr pocketsphinx needs no "
            "download"
        )
    return "pocketsphinx", _POCKETSPHINX


_POCKETSPHINX = (
    "WER and CER use pocketsphinx, the recogniser that works offline: its own error rate is about 30 % on read "
    "English, so they rank systems coarsely and compare with no paper; codec-bench env create nemo and "
    "codec-bench fetch 'metric:wer[nemo]' provide a better one"
)


def own_model(weight: RemoteFile) -> str:
    """What columns call a model in a file of the user's: its folder or its name, and the beginning of its digest.

    So two machines call it alike, wherever it lies.
    """
    path = Path(weight.path)
    name = path.stem if path.suffix == ".nemo" else path.parent.name
    return f"{name}-{local_digest(path)[:8]}"


def hypothesis(identity: str, cache: ArrayCache, recogniser: Recogniser) -> str | None:
    """What a recogniser heard in a signal, as it was kept when the signal was scored; nothing is recognised now.

    Args:
        identity: Content address of the signal.
        cache: Where features are kept.
        recogniser: Which one.

    Returns:
        The text, not normalised; None if the signal was not transcribed.
    """
    entry = cache.get(feature_address(identity, recogniser, RATE))
    return None if entry is None or "value" not in entry else str(entry["value"].item())


@dataclass(frozen=True)
class SpeechModel(Model):
    """A recogniser's model; files are known by their names, so that a folder of the user's may be moved."""

    @property
    @override
    def fingerprint(self) -> str:
        digests = {Path(path).name: digest for path, digest in self.weight_digests().items()}
        return address(model=self.name, version=self.version, packages=self.versions(), weights=digests)

    def versions(self) -> dict[str, str]:
        """Versions of what computes the result, by distribution."""
        return package_versions(self.packages)


def model_recogniser(
    model: Model, label: str, languages: tuple[str, ...], resampler: Resampler = SOXR_HQ
) -> Recogniser:
    """The recogniser that applies a model."""
    return Recogniser(
        f"transcript/{model.name}", model, expensive=True, model=model, label=label, languages=languages,
        resampler=resampler,
    )  # fmt: skip


def transcripts(audios: Sequence[Audio], transcribe: Callable[[list[Audio]], Sequence[str]]) -> list[Array]:
    """One transcript per signal; silent ones are not given to a model, which would make up words.

    Args:
        audios: Signals of any level.
        transcribe: Takes those that can be heard, returns as many texts.
    """
    audible = [audio for audio in audios if not audio.is_silent]
    texts = iter(transcribe(audible) if audible else ())
    return [np.array("" if audio.is_silent else next(texts).strip()) for audio in audios]


_LOCK = threading.Lock()
"""The decoder of this process serves one utterance at a time."""


def model_folder() -> Path:
    """The US English model of PocketSphinx's own package, with its dictionary.

    Raises:
        UnavailableError: The package was installed without it.
    """
    spec = importlib.util.find_spec("pocketsphinx")
    folders = [Path(f) / "model" / "en-us" for f in (spec.submodule_search_locations or [])] if spec else []
    found = next((f for f in folders if (f / "en-us.lm.bin").is_file()), None)
    if found is None:
        raise UnavailableError("pocketsphinx lacks its model: pip install --force-reinstall pocketsphinx")
    return found


@cache
def _decoder() -> Any:
    """PocketSphinx with the US English model of its own package, whatever POCKETSPHINX_PATH says."""
    from pocketsphinx import Decoder

    model = model_folder()
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
