"""How often `compare` raises a false alarm, and how often it finds a true drop. Prints one JSON object.

    python benchmarks/compare_power.py [--pairs 200] [--drops 0,0.01,0.02,0.03,0.04,0.05,0.07] [--no-audio]

Simulated: runs of 200 utterances by 40 speakers under the default gate, with `pesq_wb`, `stoi`, `mcd` and `wer`. The
noise is that of one codec on the same recordings cut 6 ms later, as measured on 234 utterances by 40 speakers with opus
at 6 kbit/s: per-utterance differences with heavy tails (Student's t with 5 degrees of freedom), and a difference per
speaker. It is taken as it is, and doubled for what another checkpoint may change (`noise: 2`). Word errors are
binomial, with a rate per utterance.

Decoded: the bundled demo set through opus at 6 kbit/s, cut by 21 different lengths below 20 ms, which gives 210 pairs
of equally good runs in either direction; and white noise at 15 and 12 dB, which must be a regression.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import permutations
from typing import Any

import numpy as np

from codec_bench.comparison import Measurements, Verdict, compare
from codec_bench.comparison.measurements import ComparedMetric, SystemRow, UtteranceScore

UTTERANCES, SPEAKERS = 200, 40
FREEDOM = 5
NOISE = {  # level, SD over utterances, SD of the difference within and between speakers
    "pesq_wb": (2.15, 0.35, 0.080, 0.013),
    "stoi": (0.90, 0.03, 0.0066, 0.0010),
    "mcd": (10.4, 2.0, 0.086, 0.022),
}
COLUMNS = {
    "pesq_wb": ComparedMetric("pesq_wb", "pesq_wb", "PESQ-wb", "MOS-LQO", "higher", 3, 1, "x", 1.0),
    "stoi": ComparedMetric("stoi", "stoi", "STOI", "", "higher", 3, 1, "x", 1.0),
    "mcd": ComparedMetric("mcd", "mcd", "MCD", "dB", "lower", 2, 1, "x", 1.0),
    "wer": ComparedMetric("wer", "wer", "WER", "%", "lower", 2, 1, "x", 100.0),
}
CUTS = range(0, 315, 15)

Scores = dict[str, dict[str, UtteranceScore]]


def measurements(name: str, scores: Scores, speakers: dict[str, str]) -> Measurements:
    """Scores of one system as `compare` takes them."""
    data = {"name": "simulated", "utterances": len(speakers), "speakers": len(set(speakers.values()))}
    return Measurements(
        source=name,
        kind="reconstruction",
        dataset=data | {"manifest_sha256": "the same"},
        columns={label: COLUMNS[label] for label in scores},
        systems={"codec": SystemRow("codec", "codec", "", "clean", name)},
        conditions={},
        speakers=speakers,
        scores={"codec": scores},
    )


def simulated(generator: np.random.Generator, noise: float, drop: float) -> tuple[Measurements, Measurements]:
    """Two runs that differ by chance, and by a drop in PESQ."""
    owner = np.sort(np.concatenate([np.arange(SPEAKERS), generator.integers(0, SPEAKERS, UTTERANCES - SPEAKERS)]))
    names = [f"u{i:03d}" for i in range(UTTERANCES)]
    sides: tuple[Scores, Scores] = ({}, {})
    for label, (level, spread, within, between) in NOISE.items():
        first = generator.normal(level, spread, UTTERANCES)
        tails = generator.standard_t(FREEDOM, UTTERANCES) / np.sqrt(FREEDOM / (FREEDOM - 2))
        second = first + noise * (within * tails + between * generator.standard_normal(SPEAKERS)[owner])
        if label == "pesq_wb":
            second = second - drop
        for side, values in zip(sides, (first, second), strict=True):
            side[label] = {u: UtteranceScore(float(v), 1.0) for u, v in zip(names, values, strict=True)}
    words = generator.integers(5, 30, UTTERANCES)
    rate = generator.beta(0.5, 4.5, UTTERANCES)
    for side in sides:
        errors = generator.binomial(words, rate)
        side["wer"] = {u: UtteranceScore(float(e), float(w)) for u, e, w in zip(names, errors, words, strict=True)}
    speakers = {u: f"s{k:02d}" for u, k in zip(names, owner, strict=True)}
    return measurements("first", sides[0], speakers), measurements("second", sides[1], speakers)


def simulate(pairs: int, noise: float, drop: float) -> dict[str, Any]:
    """Shares of the verdicts over simulated pairs; generators are seeded by what they are for."""
    gate = dict.fromkeys((Verdict.REGRESSION, Verdict.PASS, Verdict.UNDECIDED), 0)
    found = significant = 0
    for number in range(pairs):
        generator = np.random.default_rng([number, round(1000 * noise), round(1e6 * drop)])
        made = compare(*simulated(generator, noise, drop))
        gate[made.verdict] += 1
        found += any(r.column.label == "pesq_wb" for r in made.of(Verdict.REGRESSION))
        significant += any(r.corrected is not None and r.corrected <= made.gate.settings.alpha for r in made.results)
    return {
        "noise": noise,
        "pesq_wb_drop": drop,
        "pairs": pairs,
        **{verdict.value: count / pairs for verdict, count in gate.items()},
        "pesq_wb_regression": found / pairs,
        "any_significant": significant / pairs,
    }


def decoded() -> dict[str, Any]:
    """Alarms between equally good decodings of real audio, and the verdict on a codec that is 3 dB worse."""
    from codec_bench import load_codec, load_dataset, metric
    from codec_bench.audio import Audio, read_audio, resample
    from codec_bench.metrics.signal import Recording

    recordings = {u.id: (resample(read_audio(u.path), 16_000), u.speaker) for u in load_dataset("demo").utterances()}
    speakers = {utterance: str(speaker) for utterance, (_, speaker) in recordings.items()}
    metrics = {label: metric(label) for label in ("pesq_wb", "stoi")}

    def run(name: str, codec_name: str, cut: int) -> Measurements:
        codec = load_codec(codec_name)
        scores: Scores = {label: {} for label in metrics}
        for utterance, (audio, _) in recordings.items():
            given = Audio(audio.samples[cut:], 16_000)
            result = resample(codec.decode(codec.encode(given)), 16_000)
            for label, scored in metrics.items():
                score = scored.score(Recording(given), Recording(result))
                scores[label][utterance] = UtteranceScore(score.numerator, score.denominator, score.status.value)
        return measurements(name, scores, speakers)

    runs = [run(f"cut {cut}", "opus@6000", cut) for cut in CUTS]
    verdicts = [compare(*pair).verdict for pair in permutations(runs, 2)]
    worse = compare(*(run(mode, f"codec_bench.testing.codecs:Noise@{mode}", 0) for mode in ("15", "12")))
    return {
        "equal_pairs": len(verdicts),
        **{v.value: verdicts.count(v) / len(verdicts) for v in (Verdict.REGRESSION, Verdict.PASS, Verdict.UNDECIDED)},
        "3_db_worse": worse.verdict.value,
    }


def main() -> None:
    """Simulates, decodes, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--drops", default="0,0.01,0.02,0.03,0.04,0.05,0.07")
    parser.add_argument("--no-audio", action="store_true")
    asked = parser.parse_args()
    started = time.process_time()
    drops = [float(drop) for drop in asked.drops.split(",")]
    result: dict[str, Any] = {
        "benchmark": "false alarms and power of compare",
        "utterances": UTTERANCES,
        "speakers": SPEAKERS,
        "simulated": [simulate(asked.pairs, noise, drop) for noise in (1.0, 2.0) for drop in drops],
    }
    if not asked.no_audio:
        result["decoded"] = decoded()
    result["cpu_seconds"] = round(time.process_time() - started, 1)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
