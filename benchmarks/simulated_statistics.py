"""How often intervals hold the truth, and how often `compare` errs, on scores whose truth is known.

    python benchmarks/simulated_statistics.py [--repeats 1000] [--markdown]

Four tables, all seeded:

- coverage: how often the 95 % interval of `stats.estimate` holds the true value, for means and for pooled error rates;
- alarms: how often a comparison of 8 metrics and 1, 5 or 20 systems without any true change reports a regression;
- limit: how often a system that is worse by exactly the limit passes;
- operating: what `compare` says of a true drop in `pesq_wb`, under the default limit.

Coverage calls `stats.estimate` for every sample. The other three follow the rule of `compare` for many samples at once,
and stop the program if `compare` itself, given some of these samples, says anything else.

Speakers are those of LibriTTS test-B, whose counts of utterances are far from equal. A score is the sum of a part of
its speaker (Student's t with 5 degrees of freedom, as scores of speakers have tails) and a part of its own; `icc` is
the share of variance that lies between speakers. .7 was measured for PESQ and STOI, .54 to .65 for paired differences.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from codec_bench.comparison import Measurements, Verdict, compare
from codec_bench.comparison.gate import DEFAULTS, Gate
from codec_bench.comparison.measurements import ComparedMetric, SystemRow, UtteranceScore
from codec_bench.stats import LEVEL, Share, estimate

Floats = NDArray[np.float64]

TEST_B = [25, 4, 11, 8, 11, 32, 11, 18, 33, 22, 9, 5, 21, 10, 2, 6, 28, 12, 18, 10, 6, 10, 3, 22, 1, 27, 3, 12, 15, 26,
          17, 3, 16, 12, 12, 18, 1]  # fmt: skip
"""Utterances of each of the 37 speakers of the 500 in LibriTTS test-B, in the order of UniCATS's list (`utt2prompt`),
whose ids begin with the speaker."""

FIRST_200 = [*TEST_B[:12], 11]
"""Those of its first 200 utterances, by 13 speakers."""

BALANCED = {f"{count} equal": [20] * count for count in (2, 3, 5, 8)}
UNEQUAL = {f"{count} unequal": TEST_B[:count] for count in (2, 3, 5, 8)}
LAYOUTS = {**BALANCED, **UNEQUAL, "13 of test-B": FIRST_200, "37 of test-B": TEST_B}
COMPARED = {name: LAYOUTS[name] for name in ("5 equal", "5 unequal", "8 equal", "8 unequal")}
COMPARED = {"4 equal": [20] * 4, **COMPARED, "13 of test-B": FIRST_200, "37 of test-B": TEST_B, "40 equal": [5] * 40}

SCORE_ICC = (0.03, 0.3, 0.6, 0.75)
DIFFERENCE_ICC = (0.3, 0.6)
RATES = (0.003, 0.02, 0.1)
RATE_SPREADS = (0.3, 0.7, 1.0)
"""Standard deviation of the logarithm of a speaker's error rate."""

SYSTEMS = (1, 5, 20)
FREEDOM = 5

METRICS = ("pesq_wb", "pesq_nb", "stoi", "estoi", "si_sdr", "mcd", "secs", "wer")
LOWER = ("mcd", "wer")
NOISE_IN_LIMITS = 50.0
"""Standard deviation of differences of an utterance, in limits: so many that limits prevent no false alarm."""

PESQ_NOISE = 0.081
"""Standard deviation of the difference in `pesq_wb` of an utterance between equally good decodings by opus at 6 kbit/s,
of 234 recordings and of the same 6 ms later. What another checkpoint changes is taken as twice as much."""

LIMIT = DEFAULTS["pesq_wb"].threshold
DROPS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15)
CELLS = 4_000_000
"""Scores that are drawn at once."""


def tails(generator: np.random.Generator, shape: Sequence[int]) -> Floats:
    """Draws with heavy tails, mean 0 and variance 1."""
    return generator.standard_t(FREEDOM, shape) / np.sqrt(FREEDOM / (FREEDOM - 2))


def scores(generator: np.random.Generator, sizes: Sequence[int], icc: float, shape: Sequence[int]) -> Floats:
    """Scores with mean 0 and variance 1, `[*shape, utterances]`; `sizes` are utterances of each speaker."""
    speakers = np.repeat(tails(generator, [*shape, len(sizes)]), sizes, axis=-1)
    return icc**0.5 * speakers + (1 - icc) ** 0.5 * tails(generator, [*shape, sum(sizes)])


def rates(
    generator: np.random.Generator, sizes: Sequence[int], spread: float, shape: Sequence[int], mean: float | Floats
) -> Floats:
    """Error rates, `[*shape, utterances]`: one for each speaker, `mean` on average over all who might be drawn."""
    logarithm = spread * generator.standard_normal([*shape, len(sizes)]) - spread**2 / 2
    return np.minimum(mean * np.repeat(np.exp(logarithm), sizes, axis=-1), 1.0)


def names(sizes: Sequence[int]) -> list[str]:
    """Speaker of each utterance."""
    return [f"s{k:02d}" for k, size in enumerate(sizes) for _ in range(size)]


# Coverage.


def of_means(name: str, sizes: Sequence[int], icc: float, repeats: int) -> dict[str, Any]:
    """How often intervals of means hold the truth."""
    generator = np.random.default_rng([sum(sizes), len(sizes), round(1000 * icc)])
    drawn = scores(generator, sizes, icc, [repeats])
    share = held(drawn, np.ones_like(drawn), sizes, 0.0, "")
    return {"layout": name, "kind": "mean", "icc": icc, "coverage": share}


def of_rates(name: str, sizes: Sequence[int], rate: float, spread: float, repeats: int) -> dict[str, Any]:
    """How often intervals of pooled error rates do; `without_errors` is how many samples have not a single error."""
    generator = np.random.default_rng([sum(sizes), len(sizes), round(1e6 * rate), round(1000 * spread)])
    words = generator.integers(5, 30, [repeats, sum(sizes)])
    errors = generator.binomial(words, rates(generator, sizes, spread, [repeats], rate))
    share = held(errors, words, sizes, rate, "errors")
    without = float(np.mean(errors.sum(axis=1) == 0))
    return {
        "layout": name,
        "kind": "rate",
        "rate": rate,
        "spread": spread,
        "coverage": share,
        "without_errors": without,
    }


def held(tops: NDArray[Any], bottoms: NDArray[Any], sizes: Sequence[int], truth: float, share: Share) -> float:
    """Share of samples, `[repeats, utterances]`, whose interval by `stats.estimate` holds the truth."""
    owners = names(sizes)
    hits = 0
    for top, bottom in zip(tops.tolist(), bottoms.tolist(), strict=True):
        found = estimate(top, bottom, owners, expected=len(owners), share=share)
        hits += found.low is not None and found.high is not None and found.low <= truth <= found.high
    return hits / len(tops)


# The rule of `compare`, for many comparisons at once.


class Draw:
    """Comparisons of runs that are alike but for `shift` in the first metric.

    Attributes:
        metrics: Names.
        tops: Numerators, scaled, `[repeats, systems, metrics, 2, utterances]`: baseline, candidate.
        bottoms: Denominators, of the same shape.
        sizes: Utterances of each speaker.
    """

    def __init__(
        self,
        generator: np.random.Generator,
        sizes: Sequence[int],
        metrics: Sequence[str],
        shape: tuple[int, int],
        icc: float,
        noise: float | None = None,
        shift: float = 0.0,
    ) -> None:
        """Draws `shape` = repeats and systems.

        Args:
            generator: Of all that is random.
            sizes: Utterances of each speaker.
            metrics: Names, of `METRICS`.
            shape: Comparisons, and systems in each.
            icc: Share of the variance of differences that lies between speakers.
            noise: Standard deviation of differences, in the metric's unit; of each metric's limit without one.
            shift: By how much the first metric gets worse.
        """
        self.metrics, self.sizes = list(metrics), sizes
        limits = np.array([DEFAULTS[name].threshold for name in metrics])[:, None]
        level = scores(generator, sizes, 0.7, [shape[0], 1, 1])  # what is hard is so for all systems
        spread = NOISE_IN_LIMITS * limits if noise is None else noise
        worse = spread * scores(generator, sizes, icc, [*shape, len(metrics)])
        worse[:, :, 0] += shift
        signs = np.array([1.0 if name in LOWER else -1.0 for name in metrics])[:, None]
        self.tops = np.stack(np.broadcast_arrays(3 * spread * level, 3 * spread * level + signs * worse), axis=-2)
        self.bottoms = np.ones_like(self.tops)
        if "wer" in metrics:
            at = self.metrics.index("wer")
            words = generator.integers(5, 30, [shape[0], 1, sum(sizes)])
            shared = rates(generator, sizes, 0.7, shape, 0.1)  # who is hard to understand is so for both
            for side in (0, 1):
                own = rates(generator, sizes, 0.2, shape, shared)
                self.tops[:, :, at, side] = 100 * generator.binomial(words, own)
                self.bottoms[:, :, at, side] = words

    def sums(self) -> tuple[Floats, Floats]:
        """Numerators and denominators of speakers instead of utterances."""
        starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
        return np.add.reduceat(self.tops, starts, axis=-1), np.add.reduceat(self.bottoms, starts, axis=-1)

    def measurements(self, repeat: int) -> tuple[Measurements, Measurements]:
        """One of the comparisons as `compare` takes it."""
        owners = {f"u{i:03d}": speaker for i, speaker in enumerate(names(self.sizes))}
        systems = range(self.tops.shape[1])
        sides = []
        for side, source in enumerate(("baseline", "candidate")):
            found = {
                f"codec{s}": {
                    m: {
                        u: UtteranceScore(float(top) / COLUMNS[m].scale, float(bottom))
                        for u, top, bottom in zip(
                            owners, self.tops[repeat, s, k, side], self.bottoms[repeat, s, k, side], strict=True
                        )
                    }
                    for k, m in enumerate(self.metrics)
                }
                for s in systems
            }
            sides.append(run(source, owners, self.metrics, found))
        return sides[0], sides[1]


def column(name: str) -> ComparedMetric:
    """A metric as a run describes it."""
    is_lower = name in LOWER
    unit, scale = ("%", 100.0) if name == "wer" else ("", 1.0)
    return ComparedMetric(name, name, name, unit, "lower" if is_lower else "higher", 3, 1, "x", scale)


COLUMNS = {name: column(name) for name in METRICS}


def run(source: str, owners: dict[str, str], metrics: Sequence[str], found: dict[str, Any]) -> Measurements:
    """Scores of one run as `compare` takes them."""
    data = {"name": "simulated", "utterances": len(owners), "speakers": len(set(owners.values()))}
    return Measurements(
        source=source,
        kind="reconstruction",
        dataset=data | {"manifest_sha256": "the same"},
        columns={name: COLUMNS[name] for name in metrics},
        systems={label: SystemRow(label, label, "", "clean", f"{source} {label}") for label in found},
        conditions={},
        speakers=owners,
        scores=found,
    )


def verdicts(draw: Draw, alpha: float) -> tuple[NDArray[np.str_], Floats]:
    """Verdicts and corrected p, `[repeats, systems, metrics]`: what `compare` says of each comparison."""
    tops, bottoms = draw.sums()
    count = tops.shape[-1]
    whole = tops.sum(axis=-1) / bottoms.sum(axis=-1)
    without = (tops.sum(axis=-1, keepdims=True) - tops) / (bottoms.sum(axis=-1, keepdims=True) - bottoms)
    differences = without[..., 1, :] - without[..., 0, :]
    error = np.sqrt((count - 1) / count * np.square(differences - differences.mean(-1, keepdims=True)).sum(-1))
    signs = np.array([1.0 if name in LOWER else -1.0 for name in draw.metrics])
    worse = signs * (whole[..., 1] - whole[..., 0])
    weights = bottoms.sum(axis=-2)
    freedom = np.maximum(weights.sum(-1) ** 2 / np.square(weights).sum(-1) - 1, 1.0)
    corrected = holm(stdtr(freedom, -worse / error))
    limits = np.array([DEFAULTS[name].threshold for name in draw.metrics])
    is_regression = (worse > limits) & (corrected <= alpha)
    passes = worse + stdtrit(freedom, (1 + LEVEL) / 2) * error <= limits
    found = np.where(is_regression, Verdict.REGRESSION.value, np.where(passes, Verdict.PASS.value, "undecided"))
    return found, corrected


def holm(p_values: Floats) -> Floats:
    """Holm's correction over all tests of each comparison, `[repeats, ...]`."""
    flat = p_values.reshape(len(p_values), -1)
    order = np.argsort(flat, axis=1)
    steps = np.arange(flat.shape[1], 0, -1) * np.take_along_axis(flat, order, axis=1)
    corrected = np.empty_like(flat)
    np.put_along_axis(corrected, order, np.minimum(np.maximum.accumulate(steps, axis=1), 1.0), axis=1)
    return corrected.reshape(p_values.shape)


def check(draw: Draw, found: NDArray[np.str_], corrected: Floats, repeat: int, gate: Gate) -> int:
    """Asks `compare` about one comparison, and stops the program unless it agrees.

    Returns:
        How many verdicts agree.
    """
    made = compare(*draw.measurements(repeat), gate)
    for result in made.results:
        at = repeat, int(result.pair.baseline.label.removeprefix("codec")), draw.metrics.index(result.column.label)
        is_same = result.corrected is not None and np.isclose(result.corrected, corrected[at], rtol=1e-6, atol=0)
        if result.verdict.value != found[at] or not is_same:
            raise SystemExit(
                f"compare says {result.verdict.value}, p = {result.corrected}; the simulation says {found[at]}, "
                f"p = {corrected[at]}: the two have come apart"
            )
    return len(made.results)


class Simulation:
    """Comparisons by the rule, some of which `compare` made as well.

    Attributes:
        agreed: Verdicts that `compare` gave, too.
    """

    def __init__(self, repeats: int, checked: int = 1) -> None:
        """`checked` comparisons of each kind are made by `compare`, too."""
        self.repeats, self.checked, self.agreed, self.gate = repeats, checked, 0, Gate()

    def verdicts(self, seed: Sequence[int], sizes: Sequence[int], metrics: Sequence[str], systems: int, icc: float,
                 noise: float | None = None, shift: float = 0.0) -> NDArray[np.str_]:  # fmt: skip
        """Verdicts on as many comparisons as asked for, `[repeats, systems, metrics]`."""
        generator = np.random.default_rng(seed)
        at_once = max(1, CELLS // (systems * len(metrics) * 2 * sum(sizes)))
        parts = []
        for start in range(0, self.repeats, at_once):
            shape = min(at_once, self.repeats - start), systems
            draw = Draw(generator, sizes, metrics, shape, icc, noise, shift)
            found, corrected = verdicts(draw, self.gate.settings.alpha)
            if not start:
                self.agreed += sum(
                    check(draw, found, corrected, repeat, self.gate) for repeat in range(min(self.checked, shape[0]))
                )
            parts.append(found)
        return np.concatenate(parts)

    def alarms(self, name: str, sizes: Sequence[int], systems: int, icc: float) -> dict[str, Any]:
        """Regressions where nothing changed."""
        seed = [1, sum(sizes), len(sizes), systems, round(1000 * icc)]
        found = self.verdicts(seed, sizes, METRICS, systems, icc)
        alarm = np.any(found == Verdict.REGRESSION.value, axis=(1, 2))
        return {"layout": name, "icc": icc, "systems": systems, "alarms": float(alarm.mean())}

    def drop(self, name: str, sizes: Sequence[int], icc: float, noise: float, drop: float) -> dict[str, Any]:
        """What is said of one system that is worse by `drop` in `pesq_wb`."""
        seed = [2, sum(sizes), len(sizes), round(1000 * icc), round(1e6 * noise), round(1e6 * drop)]
        found = self.verdicts(seed, sizes, ["pesq_wb"], 1, icc, noise, drop)
        shares = {verdict: float(np.mean(found == verdict)) for verdict in ("regression", "pass", "undecided")}
        return {"layout": name, "icc": icc, "noise": noise, "drop": drop, **shares}


def simulate(repeats: int) -> dict[str, Any]:
    """All tables; single systems cost little, so there are four times as many."""
    many, single = Simulation(repeats), Simulation(4 * repeats)
    return {
        "benchmark": "coverage of intervals, false alarms and misses of compare",
        "repeats": repeats,
        "limit": LIMIT,
        "coverage": [of_means(name, sizes, icc, repeats) for name, sizes in LAYOUTS.items() for icc in SCORE_ICC]
        + [
            of_rates(name, sizes, rate, spread, repeats)
            for name, sizes in LAYOUTS.items()
            for rate in RATES
            for spread in RATE_SPREADS
        ],
        "alarms": [
            many.alarms(name, sizes, systems, icc)
            for name, sizes in COMPARED.items()
            for icc in DIFFERENCE_ICC
            for systems in SYSTEMS
        ],
        "at_the_limit": [
            single.drop(name, sizes, icc, PESQ_NOISE, LIMIT)
            for name, sizes in COMPARED.items()
            for icc in DIFFERENCE_ICC
        ],
        "operating": [
            single.drop(name, LAYOUTS[name], icc, noise, drop)
            for noise in (PESQ_NOISE, 2 * PESQ_NOISE)
            for name in ("13 of test-B", "37 of test-B")
            for icc in DIFFERENCE_ICC
            for drop in sorted({*DROPS, LIMIT})
        ],
        "agreed_with_compare": many.agreed + single.agreed,
    }


# Tables.


def percent(share: float) -> str:
    """A share with one decimal below ten per cent."""
    return f"{100 * share:.1f} %" if share < 0.0995 else f"{100 * share:.0f} %"


def grid(rows: Sequence[dict[str, Any]], value: str, across: Sequence[str], heads: Sequence[str]) -> list[str]:
    """A table of one figure with a row for each layout, and a column for each setting of `across`."""
    settings = list(dict.fromkeys(tuple(row.get(key) for key in across) for row in rows))
    cells = {(row["layout"], *(row.get(key) for key in across)): percent(row[value]) for row in rows}
    titles = [", ".join(f"{h} {s:g}" for h, s in zip(heads, setting, strict=True)) for setting in settings]
    lines = [f"| speakers | {' | '.join(titles)} |", f"|---|{'---:|' * len(settings)}"]
    for layout in dict.fromkeys(row["layout"] for row in rows):
        lines.append(f"| {layout} | {' | '.join(cells[(layout, *setting)] for setting in settings)} |")
    return lines


def markdown(result: dict[str, Any]) -> str:
    """All tables, for docs/ci.md."""
    means, shares = ([r for r in result["coverage"] if r["kind"] == kind] for kind in ("mean", "rate"))
    for row in shares:
        row["percent"] = 100 * row["rate"]
    limit = result["limit"]
    lines = ["Coverage of 95 % intervals of means:", "", *grid(means, "coverage", ["icc"], ["ICC"]), ""]
    lines += ["Of pooled error rates, in percent, by the spread of their logarithm between speakers:", ""]
    lines += [*grid(shares, "coverage", ["percent", "spread"], ["rate", "spread"]), ""]
    lines += [f"False alarms of {len(METRICS)} metrics:", ""]
    lines += [*grid(result["alarms"], "alarms", ["systems", "icc"], ["systems", "ICC"]), ""]
    lines += ["Passes of a system that is worse by exactly the limit:", ""]
    lines += [*grid(result["at_the_limit"], "pass", ["icc"], ["ICC"]), ""]
    for noise in dict.fromkeys(row["noise"] for row in result["operating"]):
        lines += [f"Regression / pass / cannot decide, noise of {noise:g} per utterance:", ""]
        rows = [row for row in result["operating"] if row["noise"] == noise]
        settings = list(dict.fromkeys((row["layout"], row["icc"]) for row in rows))
        titles = [f"{layout}, ICC {icc:g}" for layout, icc in settings]
        lines += [f"| true drop in `pesq_wb` | {' | '.join(titles)} |", f"|---|{'---:|' * len(settings)}"]
        for drop in dict.fromkeys(row["drop"] for row in rows):
            by_setting = {(row["layout"], row["icc"]): row for row in rows if row["drop"] == drop}
            cells = [
                " / ".join(
                    f"{100 * by_setting[setting][verdict]:.0f}" for verdict in ("regression", "pass", "undecided")
                )
                for setting in settings
            ]
            lines.append(f"| {drop:g}{', the limit' if drop == limit else ''} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Simulates, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--markdown", action="store_true", help="tables instead of the JSON object")
    asked = parser.parse_args()
    started = time.process_time()
    result = simulate(asked.repeats)
    result["cpu_seconds"] = round(time.process_time() - started, 1)
    print(markdown(result) if asked.markdown else json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
