"""SECS: cosine similarity of Resemblyzer speaker embeddings.

The model, its preprocessing and the way an utterance is cut into partials are the library's own. Only the mel
spectrogram is computed here: the library's pulls in librosa and numba, 1.3 s of CPU in every process and 12 s in the
first one after the installation.
"""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio, FloatArray
from codec_bench.errors import UnavailableError
from codec_bench.files import file_digest
from codec_bench.inference import one_thread
from codec_bench.metrics import register_metric
from codec_bench.metrics.signal import Feature, Signal, feature
from codec_bench.metrics.spectral import mel_power
from codec_bench.records import NotScorable, Status

RATE = 16_000
WEIGHTS_SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
_PACKAGES = ("resemblyzer", "torch", "webrtcvad")
_WINDOW, _HOP, _MELS = 400, 160, 40  # 25 and 10 ms at 16 kHz
_VAD_WINDOW = 480  # 30 ms
_PARTIALS_PER_SECOND, _MIN_COVERAGE = 1.3, 0.75  # defaults of VoiceEncoder.embed_utterance


@feature("resemblyzer-preprocessed", packages=_PACKAGES)
def preprocessed_embedding(audio: Audio) -> FloatArray:
    """Speaker embedding after the library's `preprocess_wav`: raised to -30 dBFS, long pauses cut.

    Args:
        audio: A whole recording at 16 kHz.

    Returns:
        float32 `[256]`, not negative, of unit length.

    Raises:
        NotScorable: The voice activity detector leaves nothing.
        UnavailableError: Resemblyzer cannot be imported or has other weights.
    """
    if len(audio) < _VAD_WINDOW or audio.is_silent:
        raise NotScorable("silent, or shorter than a frame of the voice activity detector", Status.NO_SPEECH)
    library = _library()
    louder = library.audio.normalize_volume(audio.samples, library.audio.audio_norm_target_dBFS, increase_only=True)
    # The detector reads 16-bit samples, and the library lets what lies beyond them wrap around.
    speech = library.audio.trim_long_silences(np.clip(louder, -1, 1))
    if not len(speech):
        raise NotScorable("the voice activity detector finds no speech", Status.NO_SPEECH)
    return _embed(speech)


@feature("resemblyzer-raw", packages=_PACKAGES)
def raw_embedding(audio: Audio) -> FloatArray:
    """Speaker embedding of a recording as it is; otherwise as `preprocessed_embedding`.

    Raises:
        NotScorable: Silent, or shorter than one mel frame, 25 ms.
    """
    return _embed(_heard(audio))


@feature("resemblyzer-partials", packages=_PACKAGES, expensive=True)
def partial_embeddings(audio: Audio) -> FloatArray:
    """Embeddings of stretches of 1.6 s, 1.3 a second: float32 `[n, 256]`, n >= 1; otherwise as `raw_embedding`."""
    return _partials(_heard(audio))


def _heard(audio: Audio) -> FloatArray:
    """The samples of a recording that has something for the model to hear."""
    if audio.is_silent:
        raise NotScorable("silent", Status.SILENT)
    if len(audio) < _WINDOW:
        raise NotScorable("shorter than 25 ms", Status.TOO_SHORT)
    return audio.samples


@register_metric(
    "secs",
    better="higher",
    range=(0.0, 1.0),
    title="SECS",
    same_utterance=False,
    packages=_PACKAGES,
    variants={"raw": {"embedding": raw_embedding}},
    note="Speaker embedding cosine similarity: Resemblyzer 0.1.4 after its preprocess_wav (volume, pauses cut); "
    "[raw] without.",
)
def speaker_embedding_cosine_similarity(
    reference: Signal, decoded: Signal, *, embedding: Feature = preprocessed_embedding
) -> float:
    """Cosine similarity of the speaker embeddings of two whole recordings.

    Recordings shorter than a partial of 1.6 s are padded with zeros, as the library does.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction.
        embedding: Which embedding.

    Returns:
        Similarity from 0 to 1 (embeddings are not negative); 1 for identity.

    Raises:
        NotScorable: One of the two has no speech; the model would give a constant embedding.

    Source: Wan et al., "Generalized End-to-End Loss for Speaker Verification", 2018; package `resemblyzer`.
    """
    cosine = np.dot(reference[embedding].astype(np.float64), decoded[embedding].astype(np.float64))
    return float(np.clip(cosine, 0.0, 1.0))


@cache
def _library() -> Any:
    """The package, whose dependencies warn about themselves at import."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        warnings.filterwarnings("ignore", message=".*scipy.ndimage", category=DeprecationWarning)
        try:
            import resemblyzer
        except ImportError as error:
            raise UnavailableError(
                f"secs needs Resemblyzer: {error}; pip install resemblyzer 'setuptools<81'"
            ) from error
    return resemblyzer


@cache
def _encoder() -> Any:
    """The model, loaded once per process, on the CPU so that every machine gives the same score."""
    library = _library()
    path = Path(library.__file__).with_name("pretrained.pt")
    actual = file_digest(path)
    if actual != WEIGHTS_SHA256:
        raise UnavailableError(f"{path} is another file: sha256 {actual[:12]}..., expected {WEIGHTS_SHA256[:12]}...")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*weights_only", category=FutureWarning)  # torch < 2.6
        return library.VoiceEncoder("cpu", verbose=False, weights_fpath=path)


def _embed(samples: NDArray[Any]) -> FloatArray:
    """`VoiceEncoder.embed_utterance`: the mean of its partials, at unit length."""
    mean = _partials(samples).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def _partials(samples: NDArray[Any]) -> FloatArray:
    """Embeddings of stretches of 1.6 s, `[n, 256]`, with our mel spectrogram."""
    import torch

    encoder = _encoder()
    waves, frames = encoder.compute_partial_slices(len(samples), _PARTIALS_PER_SECOND, _MIN_COVERAGE)
    padded = np.pad(samples, (0, max(0, waves[-1].stop - len(samples))))
    mel = mel_power(padded, RATE, _WINDOW, _HOP, _MELS).astype(np.float32)
    with one_thread(), torch.inference_mode():
        return np.asarray(encoder(torch.from_numpy(np.stack([mel[f] for f in frames]))).numpy())
