"""Learned metrics beside the packages that they come from: CPU seconds for the same files, in one process, in turns.

Every metric scores a pair or a file of eight seconds at 16 kHz, as a scoring process does, models loaded before. One
thread each. A package that is not installed, or weights that are not here, leave the metric out, with the reason.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from limits import Limit, publish
from material import RATE, pairs

from codec_bench import metric
from codec_bench.audio import Audio, resample
from codec_bench.errors import UnavailableError
from codec_bench.hub import locate
from codec_bench.metrics.signal import Recording

PAIRS, SECONDS, ROUNDS, LIMIT = 4, 8, 3, 0.8

Pair = tuple[Audio, Audio]


def nisqa() -> Callable[[Pair], Any]:
    """NISQA of torchmetrics, which keeps its model."""
    from torchmetrics.functional.audio import nisqa as library

    from codec_bench.metrics.nisqa import QUALITY

    library.NISQA_DIR = str(locate(QUALITY.file).parent)
    return lambda pair: library.non_intrusive_speech_quality_assessment(torch.from_numpy(pair[1].samples), RATE)


def dnsmos() -> Callable[[Pair], Any]:
    """The speechmos package."""
    from speechmos import dnsmos as library

    return lambda pair: library.run(np.clip(pair[1].samples, -1, 1), RATE)


def visqol() -> Callable[[Pair], Any]:
    """The package visqol-python in its mode for speech."""
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="speech")
    return lambda pair: api.measure_from_arrays(
        pair[0].samples.astype(np.float64), pair[1].samples.astype(np.float64), RATE
    )


def resemblyzer() -> Callable[[Pair], Any]:
    """Resemblyzer, for both sides."""
    from resemblyzer import VoiceEncoder, preprocess_wav

    encoder = VoiceEncoder("cpu", verbose=False)
    return lambda pair: [encoder.embed_utterance(preprocess_wav(audio.samples)) for audio in pair]


def whisper() -> Callable[[Pair], Any]:
    """faster-whisper with our options of decoding, for the decoded side."""
    from faster_whisper import WhisperModel

    from codec_bench.metrics.asr_whisper import _weights

    folder = locate(_weights("tiny.en")[0]).parent
    model = WhisperModel(str(folder), device="cpu", cpu_threads=1)

    def transcribed(pair: Pair) -> list[Any]:
        segments, _ = model.transcribe(
            pair[1].samples, language="en", beam_size=5, temperature=0.0, condition_on_previous_text=False
        )
        return list(segments)

    return transcribed


def distillmos() -> Callable[[Pair], Any]:
    """The distillmos package."""
    from distillmos import ConvTransformerSQAModel

    model = ConvTransformerSQAModel()
    model.eval()

    def scored(pair: Pair) -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(pair[1].samples)[None])

    return scored


METRICS: dict[str, Callable[[], Callable[[Pair], Any]]] = {
    "nisqa": nisqa,
    "dnsmos": dnsmos,
    "visqol": visqol,
    "secs": resemblyzer,
    "distillmos": distillmos,
    "wer[whisper:tiny.en]": whisper,
}


def ours(name: str) -> Callable[[Pair], Any]:
    """A metric through the seam that runs use, with nothing that another metric or pair left."""
    scorer = metric(name)

    def scored(pair: Pair) -> Any:
        score = scorer.score(Recording(pair[0]), Recording(pair[1]), "one two three", "en")
        if score.value is None:
            raise SystemExit(f"{name}: {score.reason}")
        return score

    return scored


def seconds(function: Callable[[Pair], Any], data: list[Pair]) -> float:
    """CPU seconds of one pass over the data."""
    started = time.process_time()
    for pair in data:
        function(pair)
    return time.process_time() - started


def main() -> None:
    """Measures each."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    data = [(reference, resample(decoded, RATE)) for reference, decoded in pairs(PAIRS, SECONDS)]
    for name, made in METRICS.items():
        try:
            package, suite = made(), ours(name)
            seconds(package, data[:1]), seconds(suite, data[:1])
        except (ImportError, UnavailableError) as error:
            publish(f"learned metric {name}", [], left_out=f"{name}: {error}")
            continue
        mine, theirs = [], []
        for _ in range(ROUNDS):
            theirs.append(seconds(package, data) / PAIRS)
            mine.append(seconds(suite, data) / PAIRS)
        ratio = float(np.median(np.array(mine) / np.array(theirs)))
        publish(
            f"learned metric {name}",
            [Limit(f"CPU time of {name} over that of its package", ratio, LIMIT)],
            ours=round(float(np.median(mine)), 4), package=round(float(np.median(theirs)), 4), all=[*mine, *theirs],
        )  # fmt: skip


if __name__ == "__main__":
    main()
