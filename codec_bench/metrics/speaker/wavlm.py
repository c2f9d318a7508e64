"""SPK-SIM: WavLM x-vectors of transformers, and as a variant WavLM large."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codec_bench.audio import Audio
from codec_bench.extras import silent_transformers
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import pretrained_folder, read_pretrained
from codec_bench.metrics.model import Model, model_feature
from codec_bench.metrics.self_supervised import TRANSFORMERS
from codec_bench.metrics.similarity import RATE, equal_lengths, similarity
from codec_bench.metrics.speaker.wavlm_large import wavlm_large_embedding

if TYPE_CHECKING:
    from torch import Tensor

WAVLM_SV = tuple(
    RemoteFile(f"hf/microsoft/wavlm-base-plus-sv/{name}")
    for name in ("config.json", "preprocessor_config.json", "pytorch_model.bin")
)

WAVLM_SAMPLES = 400 + 15 * 320
"""Sixteen frames, of which the x-vector layers make two; the deviation of one is not defined."""


def _load_wavlm(device: str) -> tuple[Any, Any]:
    """The feature extractor and the model of transformers."""
    from transformers import Wav2Vec2FeatureExtractor, WavLMForXVector

    with pretrained_folder("WavLM x-vectors", WAVLM_SV) as folder:
        with silent_transformers():
            extractor = Wav2Vec2FeatureExtractor.from_pretrained(folder, local_files_only=True)
        model = read_pretrained(WavLMForXVector, folder, ("objective.weight", "wavlm.masked_spec_embed"))
    return extractor, model.to(device)


@equal_lengths("WavLM x-vectors", WAVLM_SAMPLES)
def _apply_wavlm(loaded: tuple[Any, Any], audios: Sequence[Audio]) -> Tensor:
    extractor, model = loaded
    inputs = extractor([audio.samples for audio in audios], sampling_rate=RATE, return_tensors="pt")
    embeddings: Tensor = model(inputs["input_values"].to(model.device)).embeddings
    return embeddings


WAVLM_MODEL = Model(
    "wavlm-base-plus-sv",
    _load_wavlm,
    _apply_wavlm,
    weights=WAVLM_SV,
    packages=("torch", "transformers"),
    modules=TRANSFORMERS,
    extra="transformers",
    licence="CC BY-SA 3.0",
    equal_lengths=True,
    is_heavy=True,
)

wavlm_embedding = model_feature(WAVLM_MODEL)
"""Embedding of a whole signal at 16 kHz, float32 `[512]`, not normalized."""


speaker_similarity = similarity(
    "spk_sim",
    "SPK-SIM",
    "Cosine of WavLM x-vectors (microsoft/wavlm-base-plus-sv) of the whole recordings; [wavlm-large] of "
    "UniSpeech's WavLM large with ECAPA-TDNN (wavlm_large_finetune.pth).",
    wavlm_embedding,
    {"wavlm-large": {"embedding": wavlm_large_embedding}},
    hears_polarity=True,
)
"""Similarity of two recordings of 0.325 s or more, for WavLM large of 45 ms.

Source: Chen et al., "WavLM: Large-scale self-supervised pre-training for full stack speech processing", 2021.
"""
