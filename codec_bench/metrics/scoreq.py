"""SCOREQ: speech quality by contrastive regression, predicted alone, or as a distance from the recording.

The networks are wav2vec 2.0 base with what was learned on top, exported by their authors to ONNX, so that they need
neither fairseq nor torch. Those for recorded speech (`natural` in the package) are the default; `[synthetic]` has those
for speech synthesis. They learned from clips of 4 s, and their authors advise to cut what is longer than 15 s.

Source: Ragano et al., "SCOREQ: Speech quality assessment with contrastive regression", NeurIPS 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics import register_metric
from codec_bench.metrics.checkpoints import weights_of
from codec_bench.metrics.dnsmos import one_core_session
from codec_bench.metrics.model import Model, ModelOutput, model_feature
from codec_bench.metrics.resampling import SINC
from codec_bench.metrics.signal import Feature, Signal
from codec_bench.records import NotScorable, Status

RATE = 16_000
STRIDE, SHORTEST = 320, 400
"""Samples between frames of wav2vec 2.0, up to a multiple of which a signal is filled with zeros, and of a frame."""


def _network(name: str) -> Feature:
    file = RemoteFile(f"models/scoreq/{name}.onnx", source=f"https://zenodo.org/records/15739280/files/{name}.onnx")

    def load(device: str) -> Any:
        with weights_of("SCOREQ", file) as path:
            try:
                return one_core_session(file, path, device)
            except Exception as error:  # onnxruntime's have no class in common
                raise ValueError(str(error)) from error

    def apply(session: Any, audios: Sequence[Audio]) -> list[ModelOutput]:
        heard = session.get_inputs()[0].name
        found: list[ModelOutput] = []
        for audio in audios:
            if len(audio) < SHORTEST:
                found.append(NotScorable(f"SCOREQ needs {1000 * SHORTEST / RATE:g} ms", Status.TOO_SHORT))
                continue
            padded = np.pad(audio.samples, (0, -len(audio) % STRIDE))[None]
            found.append(np.asarray(session.run(None, {heard: padded})[0], np.float32).reshape(-1))
        return found

    model = Model(
        f"scoreq/{name}",
        load,
        apply,
        weights=(file,),
        packages=("onnxruntime",),
        modules=("onnxruntime",),
        extra="sigmos",
        licence="MIT",
        is_heavy=True,
    )
    return model_feature(model, SINC)


score_of, score_of_synthetic = _network("adapt_nr_telephone"), _network("adapt_nr_synthetic")
embedding_of, embedding_of_synthetic = _network("fixed_nmr_telephone"), _network("fixed_nmr_synthetic")


@register_metric(
    "scoreq",
    unit="MOS",
    better="higher",
    rate=RATE,
    family="mos",
    title="SCOREQ",
    digits=2,
    hears_polarity=True,
    variants={"synthetic": {"score": score_of_synthetic}},
    note="SCOREQ without a reference, for recorded speech (adapt_nr_telephone); [synthetic] for speech synthesis.",
)
def scoreq(decoded: Signal, *, score: Feature = score_of) -> float:
    """Quality of a signal of 25 ms or more: about 1 to 5, not clamped.

    Args:
        decoded: The signal at 16 kHz.
        score: The network.

    Raises:
        NotScorable: The signal is too short.
        UnavailableError: The weights, or onnxruntime, are missing.
    """
    return float(decoded[score][0])


@register_metric(
    "scoreq_ref",
    better="lower",
    range=(0.0, 2.0),
    rate=RATE,
    title="SCOREQ (ref.)",
    same_utterance=False,
    hears_polarity=True,
    variants={"synthetic": {"embedding": embedding_of_synthetic}},
    note="Distance of SCOREQ's embeddings of recording and decoded speech, for recorded speech (fixed_nmr_telephone); "
    "[synthetic] for speech synthesis. 0 for a perfect copy.",
)
def scoreq_reference(reference: Signal, decoded: Signal, *, embedding: Feature = embedding_of) -> float:
    """Euclidean distance between two embeddings of unit length; otherwise as `scoreq`.

    Args:
        reference: Clean speech at 16 kHz: the recording, or another one.
        decoded: The signal at 16 kHz.
        embedding: The network.

    Returns:
        From 0, which is identity, to 2.
    """
    return float(np.linalg.norm(decoded[embedding] - reference[embedding]))
