"""SpeechBERTScore: how much of decoded speech is in the recording, frame by frame, to WavLM large.

Source: Saeki et al., "SpeechBERTScore: Reference-aware automatic evaluation of speech generation leveraging NLP
evaluation metrics", Interspeech 2024; its package discrete-speech-metrics, with the setting that its README recommends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics import register_metric
from codec_bench.metrics.checkpoints import pretrained_folder, read_pretrained
from codec_bench.metrics.model import Model, model_feature, stacked, waves
from codec_bench.metrics.resampling import SINC
from codec_bench.metrics.self_supervised import TRANSFORMERS
from codec_bench.metrics.signal import Array, Feature, Signal

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
LAYER = 14
"""Which hidden states are compared; 0 is what the first layer gets."""

SHORTEST = 400
"""Samples of a frame."""

WAVLM_LARGE = tuple(RemoteFile(f"hf/microsoft/wavlm-large/{name}") for name in ("config.json", "pytorch_model.bin"))


def _load(device: str) -> Any:
    from transformers import WavLMModel

    with pretrained_folder("SpeechBERTScore", WAVLM_LARGE) as folder:
        layers = LAYER + 1  # of 24: no more are needed, and after the last one comes a norm
        model = read_pretrained(WavLMModel, folder, ("masked_spec_embed",), num_hidden_layers=layers)
    return model.to(device)


@stacked(SHORTEST, f"SpeechBERTScore needs {1000 * SHORTEST / RATE:g} ms")
def _apply(model: Any, audios: Sequence[Audio]) -> Tensor:
    hidden: Tensor = model(waves(audios, model.device), output_hidden_states=True).hidden_states[LAYER]
    return hidden


MODEL = Model(
    "wavlm-large-14",
    _load,
    _apply,
    weights=WAVLM_LARGE,
    packages=("torch", "transformers"),
    modules=TRANSFORMERS,
    extra="transformers",
    licence="MIT",  # of microsoft/unilm; the repository of the weights names none
    equal_lengths=True,
    is_heavy=True,
)

frames_of = model_feature(MODEL, SINC)
"""Hidden states of WavLM large, float32 `[frames, 1024]`, 50 a second. Levels count: its own feature extractor, which
would normalize them, is not used by the authors' package.
"""

Part = Literal["precision", "recall", "f1"]


def bert_score(decoded: Array, reference: Array) -> dict[Part, float]:
    """How well the frames of one are found in the other by their cosine, wherever they are.

    Args:
        decoded: `[frames, d]`.
        reference: `[others, d]`.

    Returns:
        Precision, the mean over `decoded` of the best cosine in `reference`; recall, the reverse; their harmonic mean.

    >>> bert_score(np.array([[1.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 1.0]]))
    {'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666}
    """
    one, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (decoded, reference))
    cosines = (one @ other.T).astype(np.float64)
    precision, recall = float(cosines.max(axis=1).mean()), float(cosines.max(axis=0).mean())
    total = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / total if total else 0.0}


@register_metric(
    "speechbertscore",
    better="higher",
    range=(-1.0, 1.0),
    rate=RATE,
    title="SpeechBERTScore",
    tolerates_lag=True,
    hears_polarity=True,
    variants={"recall": {"part": "recall"}, "f1": {"part": "f1"}},
    note="Mean over the frames of decoded speech of the best cosine with a frame of the recording: precision, by layer "
    "14 of WavLM large, as its authors advise; [recall] and [f1].",
)
def speechbertscore(
    reference: Signal, decoded: Signal, *, frames: Feature = frames_of, part: Part = "precision"
) -> float:
    """How much of the decoded speech is in the recording; nothing is aligned, so a word said twice costs little.

    Args:
        reference: The recording at 16 kHz.
        decoded: Speech of the same words, of any length.
        frames: The network.
        part: `precision`, `recall` of the recording in the decoded speech, or `f1`.

    Returns:
        A cosine, 1 for a perfect copy.

    Raises:
        NotScorable: One of the two is shorter than 25 ms.
        UnavailableError: transformers, or the weights, are missing.
    """
    return bert_score(decoded[frames], reference[frames])[part]
