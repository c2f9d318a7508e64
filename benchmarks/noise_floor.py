"""How far each metric moves when nothing changes that anybody hears: what default limits of the gate are set against.

    python benchmarks/noise_floor.py MANIFEST [--per-speaker 3] [--shortest 2.5] [--codecs opus@6000,...]
        [--metrics pesq_wb,...] [--changes "cut by 6 ms,..."] [--workers 2] [--scores FILE.jsonl] [--markdown]

Recordings are coded as they are, and again after changes that no codec is better or worse at: cut by one sample or by
6 ms, 0.1 dB louder or softer, dithered to 16 bits. Each result is scored against what was coded. Besides, the output
alone is moved by one sample, as another resampler or decoder may do it.

Per metric, codec and change, the value of the corpus moves by some amount (pooled, as tables have it), and each
utterance by another. The first table has, over codecs and changes, the largest movement of the corpus, their root mean
square, the standard deviation of the movement per utterance, which does not depend on how many there are, and how much
of its variance lies between speakers. What one utterance has is kept in `--scores`, from which an interrupted
measurement goes on.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench import load_codec, load_dataset, metric, read_audio
from codec_bench.audio import Audio, resample
from codec_bench.comparison.paired import compare_paired
from codec_bench.metrics.signal import Recording
from codec_bench.records import Utterance

RATE = 16_000
CODECS = "opus@6000,opus@8000,codec2@3200"
METRICS = "pesq_wb,pesq_nb,visqol,stoi,estoi,si_sdr,mcd,vde,ffe,gpe,secs,nisqa"
LATER = "output one sample later"

Samples = NDArray[np.float32]


def dithered(samples: Samples, seed: int) -> Samples:
    """Quantised to 16 bits with triangular dither."""
    generator = np.random.default_rng(seed)
    noise = generator.uniform(-0.5, 0.5, (2, len(samples))).sum(axis=0)
    return np.asarray(np.clip(np.round(samples * 32_768 + noise), -32_768, 32_767) / 32_768, np.float32)


CHANGES: dict[str, Callable[[Samples, int], Samples]] = {
    "cut by one sample": lambda samples, _: samples[1:],
    "cut by 6 ms": lambda samples, _: samples[RATE * 6 // 1000 :],
    "0.1 dB louder": lambda samples, _: np.asarray(samples * 10 ** (0.1 / 20), np.float32),
    "0.1 dB softer": lambda samples, _: np.asarray(samples * 10 ** (-0.1 / 20), np.float32),
    "dithered": dithered,
}
UNCHANGED = "unchanged"


def scored(utterance: Utterance, codecs: list[str], metrics: list[str], changes: list[str]) -> list[dict[str, Any]]:
    """One line per codec and change: numerators and denominators by metric, or null where there is no value."""
    samples = resample(read_audio(utterance.path), RATE).samples
    seed = zlib.crc32(utterance.id.encode())
    changed = {UNCHANGED: samples} | {name: CHANGES[name](samples, seed) for name in changes if name != LATER}
    references = {name: Recording(Audio(np.ascontiguousarray(given), RATE)) for name, given in changed.items()}
    lines = []
    for codec_name in codecs:
        codec = load_codec(codec_name)
        for name, reference in references.items():
            output = resample(codec.decode(codec.encode(reference.audio)), RATE).samples
            results = {name: output}
            if name == UNCHANGED and LATER in changes:
                results[LATER] = np.concatenate([np.zeros(1, np.float32), output[:-1]])
            for change, result in results.items():
                decoded = Recording(Audio(result, RATE))
                scores = {m: metric(m).score(reference, decoded, utterance.text, utterance.language) for m in metrics}
                lines.append(
                    {
                        "utterance": utterance.id,
                        "speaker": utterance.speaker,
                        "codec": codec_name,
                        "change": change,
                        "scores": {
                            m: None if s.value is None else [s.numerator, s.denominator] for m, s in scores.items()
                        },
                    }
                )
    return lines


def measured(asked: argparse.Namespace) -> list[dict[str, Any]]:
    """The lines of all utterances: those of the file, and those that it lacks, which are added."""
    chosen: dict[str, list[Utterance]] = defaultdict(list)
    every = list(load_dataset(asked.manifest).utterances())
    for utterance in sorted(every, key=lambda u: (u.duration or 0.0, u.id)):
        if (utterance.duration or 0.0) >= asked.shortest and len(chosen[str(utterance.speaker)]) < asked.per_speaker:
            chosen[str(utterance.speaker)].append(utterance)
    # The shortest of each speaker, which move most; one of each first, so that an early end leaves a balanced part.
    utterances = [u for turn in range(asked.per_speaker) for of in chosen.values() for u in of[turn : turn + 1]]
    lines = []
    if asked.scores and asked.scores.is_file():
        lines = [json.loads(line) for line in asked.scores.read_text(encoding="utf-8").splitlines()]
    there = {line["utterance"] for line in lines}
    todo = [u for u in utterances if u.id not in there]
    given = [asked.codecs.split(","), asked.metrics.split(","), asked.changes.split(",")]
    with ProcessPoolExecutor(asked.workers) as pool:
        for new in pool.map(scored, todo, *([part] * len(todo) for part in given)):
            lines += new
            if asked.scores:
                with asked.scores.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(line) + "\n" for line in new)
    return lines


def movement(before: dict[str, Any], after: dict[str, Any], speakers: dict[str, str], scale: float) -> dict[str, Any]:
    """What one change does to one metric of one codec.

    Args:
        before: Numerator and denominator by utterance.
        after: The same after the change.
        speakers: By utterance.
        scale: 100 for percent.
    """
    both = sorted(before.keys() & after.keys())
    sides = [[[side[u][part] for u in both] for part in (0, 1)] for side in (before, after)]
    owners = [speakers[u] for u in both]
    paired = compare_paired((sides[0][0], sides[0][1]), (sides[1][0], sides[1][1]), owners, scale=scale)
    top, bottom = np.array([s[0] for s in sides]), np.array([s[1] for s in sides])
    # Of a pooled rate, an utterance's share in the difference, as if all were equally long.
    differences = np.diff(scale * (top - np.array([[paired.baseline], [paired.candidate]]) / scale * bottom)
                          / bottom.mean(axis=1, keepdims=True), axis=0)[0] + paired.difference  # fmt: skip
    return {
        "value": paired.baseline,
        "moved": paired.difference,
        "error": paired.error,
        "sd": float(np.std(differences, ddof=1)),
        "icc": between_speakers(differences, owners),
        "utterances": len(both),
        "speakers": len(set(owners)),
    }


def between_speakers(values: NDArray[np.float64], owners: list[str]) -> float:
    """Share of the variance that lies between speakers, by analysis of variance (Donner 1986); NaN if there is none."""
    groups = defaultdict(list)
    for value, owner in zip(values, owners, strict=True):
        groups[owner].append(value)
    sizes = np.array([len(g) for g in groups.values()])
    means = np.array([np.mean(g) for g in groups.values()])
    count, n = len(sizes), len(values)
    if count in (1, n):
        return float("nan")
    between = float(np.sum(sizes * (means - values.mean()) ** 2) / (count - 1))
    within = float(sum(np.sum((np.array(g) - np.mean(g)) ** 2) for g in groups.values()) / (n - count))
    size = (n - np.sum(sizes**2) / n) / (count - 1)
    total = between + (size - 1) * within
    return float((between - within) / total) if total else 0.0


def summary(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Movements by metric, codec and change."""
    speakers = {line["utterance"]: str(line["speaker"]) for line in lines}
    scores: dict[tuple[str, str, str], dict[str, Any]] = defaultdict(dict)
    for line in lines:
        for label, parts in line["scores"].items():
            if parts is not None:
                scores[label, line["codec"], line["change"]][line["utterance"]] = parts
    found = []
    for (label, codec, change), after in scores.items():
        if change != UNCHANGED:
            before = scores[label, codec, UNCHANGED]
            moved = movement(before, after, speakers, metric(label).scale)
            found.append({"metric": label, "codec": codec, "change": change, **moved})
    return found


def table(found: list[dict[str, Any]]) -> str:
    """Markdown: a row per metric over codecs and changes, then one per change."""
    rows = [
        "| metric | changed | utterances / speakers | largest movement of the corpus | RMS movement | SD per utterance "
        "| ICC |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for label in dict.fromkeys(f["metric"] for f in found):
        of = [f for f in found if f["metric"] == label]
        for title, is_later in (("recording", False), (LATER, True)):
            part = [f for f in of if (f["change"] == LATER) is is_later]
            if part:
                rows.append(summary_row(label, title, part))
    changes = list(dict.fromkeys(f["change"] for f in found))
    rows += ["", f"| metric | codec | value | {' | '.join(changes)} |", f"|---|---|---:|{'---:|' * len(changes)}"]
    by_key = {(f["metric"], f["codec"], f["change"]): f for f in found}
    for label, codec in dict.fromkeys((f["metric"], f["codec"]) for f in found):
        cells = [by_key[label, codec, change] for change in changes]
        shown = " | ".join(f"{c['moved']:+.3g} (SD {c['sd']:.3g})" for c in cells)
        rows.append(f"| `{label}` | {codec} | {cells[0]['value']:.4g} | {shown} |")
    return "\n".join(rows)


def summary_row(label: str, title: str, part: list[dict[str, Any]]) -> str:
    """One metric over several codecs and changes."""
    largest = max(part, key=lambda f: abs(f["moved"]))
    return (
        f"| `{label}` | {title} | {largest['utterances']} / {largest['speakers']} "
        f"| {largest['moved']:+.3g} ({largest['codec']}{'' if title == LATER else ', ' + largest['change']}) "
        f"| {rms(part, 'moved'):.3g} | {rms(part, 'sd'):.3g} | {np.mean([f['icc'] for f in part]):.2f} |"
    )


def rms(found: list[dict[str, Any]], key: str) -> float:
    """Root mean square of one figure."""
    return float(np.sqrt(np.mean([f[key] ** 2 for f in found])))


def main() -> None:
    """Measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", help="data set with transcripts and speakers")
    parser.add_argument("--per-speaker", type=int, default=3)
    parser.add_argument("--shortest", type=float, default=2.5, help="seconds; nothing shorter is taken")
    parser.add_argument("--codecs", default=CODECS)
    parser.add_argument("--metrics", default=METRICS)
    parser.add_argument("--changes", default=",".join([*CHANGES, LATER]))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    found = summary(measured(asked))
    print(table(found) if asked.markdown else json.dumps({"benchmark": "noise floor", "movements": found}, indent=1))


if __name__ == "__main__":
    main()
