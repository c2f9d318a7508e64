"""SPK-SIM: WavLM x-vectors of transformers, and as a variant WavLM large."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codec_bench.audio import Audio
from codec_bench.extras import silent_transformers
from codec_bench.files import linked_folder
from codec_bench.hub import RemoteFile, locate
from codec_bench.metrics import register_metric
from codec_bench.metrics.model import Model, Result, model_feature
from codec_bench.metrics.signal import Feature, Signal
from codec_bench.metrics.speaker.networks import RATE, cosine, damaged, exact, rows_of, too_short
from codec_bench.metrics.speaker.wavlm_large import TRANSFORMERS, wavlm_large_embedding

WAVLM_SV = tuple(
    RemoteFile(f"hf/microsoft/wavlm-base-plus-sv/{name}")
    for name in ("config.json", "preprocessor_config.json", "pytorch_model.bin")
)


WAVLM_SAMPLES = 400 + 15 * 320
"""Sixteen frames, of which the x-vector layers make two; the deviation of one is not defined."""


def _load_wavlm(device: str) -> tuple[Any, Any]:
    """The feature extractor and the model of transformers.

    Raises:
        UnavailableError: A file is not here, or is another one.
    """
    files = {Path(file.path).name: locate(file) for file in WAVLM_SV}
    weights = locate(WAVLM_SV[-1])
    import torch
    from transformers import Wav2Vec2FeatureExtractor, WavLMForXVector

    try:
        with linked_folder(files) as folder, silent_transformers():
            extractor = Wav2Vec2FeatureExtractor.from_pretrained(folder, local_files_only=True)
            loaded: Any = WavLMForXVector.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=False,
                weights_only=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise damaged(weights, error) from error
    model, report = loaded
    # Only the training looks at these.
    missing = [name for name in report["missing_keys"] if name not in ("objective.weight", "wavlm.masked_spec_embed")]
    if missing:
        raise damaged(weights, KeyError(f"it lacks {len(missing)} tensors, e.g. {missing[0]}"))
    return extractor, model.to(device).eval().requires_grad_(False)


def _apply_wavlm(loaded: tuple[Any, Any], audios: Sequence[Audio]) -> list[Result]:
    if len(audios[0]) < WAVLM_SAMPLES:
        return [too_short("WavLM x-vectors", WAVLM_SAMPLES)] * len(audios)
    extractor, model = loaded
    inputs = extractor([audio.samples for audio in audios], sampling_rate=RATE, return_tensors="pt")
    with exact():
        return rows_of(model(inputs["input_values"].to(model.device)).embeddings)


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


@register_metric(
    "spk_sim",
    better="higher",
    range=(-1.0, 1.0),
    rate=RATE,
    family="speaker",
    same_utterance=False,
    title="SPK-SIM",
    variants={"wavlm-large": {"embedding": wavlm_large_embedding}},
    note="Cosine of WavLM x-vectors (microsoft/wavlm-base-plus-sv) of the whole recordings; [wavlm-large] of "
    "UniSpeech's WavLM large with ECAPA-TDNN (wavlm_large_finetune.pth).",
)
def speaker_similarity(reference: Signal, decoded: Signal, *, embedding: Feature = wavlm_embedding) -> float:
    """Cosine similarity of the WavLM speaker embeddings of two whole recordings.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction at 16 kHz.
        embedding: The model.

    Returns:
        Similarity from -1 to 1; 1 for identity.

    Raises:
        NotScorable: One of the two is shorter than 0.325 s, for WavLM large 45 ms.
        UnavailableError: The extra or the weights are missing.

    Source: Chen et al., "WavLM: Large-scale self-supervised pre-training for full stack speech processing", 2021.
    """
    return cosine(reference[embedding], decoded[embedding])
