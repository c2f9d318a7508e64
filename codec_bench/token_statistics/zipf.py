"""How steeply frequency falls with rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codec_bench.token_statistics.key_counts import Spectrum

MIN_TYPES = 5
"""A line through fewer points says nothing."""

MIN_COUNT = 5
"""Where no type is so frequent, the counts are little but whole numbers near the cut at 2."""

_BLOCK = 1 << 20


@dataclass(frozen=True)
class ZipfFit:
    """Fits to the types that occur more than once, ranks from 1 to `types`.

    Attributes:
        types: Types that occur more than once: the last rank of both fits.
        slope: Slope of log frequency over log rank, by least squares with equal weight for each rank. As most ranks are
            those of rare types, it says more about the tail than about the head.
        r_squared: R² of that line.
        exponent: s of the distribution p(rank) ~ rank^-s over these ranks, by maximum likelihood, which weighs ranks by
            their occurrences and so says more about the head; None if the likelihood has no maximum in [-1, 10].
    """

    types: int
    slope: float
    r_squared: float
    exponent: float | None


def fit_zipf(spectrum: Spectrum) -> ZipfFit | None:
    """Fits Zipf's law, or returns None: fewer than `MIN_TYPES` types occur more than once, or none `MIN_COUNT` times.

    Hapaxes are left out, as in figure 3 of the MagiCodec paper (Song et al., 2025). Its axes are log frequency and log
    rank, each divided by its largest value; the slope here is that of the logarithms themselves.
    """
    kept = spectrum.without_hapaxes()
    if kept.distinct < MIN_TYPES or kept.counts[0] < MIN_COUNT:
        return None
    slope, r_squared = _least_squares(kept)
    return ZipfFit(kept.distinct, slope, r_squared, _maximum_likelihood(kept))


def _least_squares(spectrum: Spectrum) -> tuple[float, float]:
    """Slope and r^2 of log count over log rank, rank by rank in blocks."""
    sums = np.zeros(5)
    # Centred, as sums of squares of numbers far from zero lose digits.
    centre_x, centre_y = np.log(spectrum.distinct) - 1, np.log(spectrum.counts[-1])
    for start in range(1, spectrum.distinct + 1, _BLOCK):
        ranks = np.arange(start, min(start + _BLOCK, spectrum.distinct + 1))
        x, y = np.log(ranks) - centre_x, np.log(spectrum.count_at(ranks)) - centre_y
        sums += [x.sum(), y.sum(), x @ x, x @ y, y @ y]
    n = spectrum.distinct
    xx, xy, yy = sums[2] - sums[0] ** 2 / n, sums[3] - sums[0] * sums[1] / n, sums[4] - sums[1] ** 2 / n
    return float(xy / xx), float(xy**2 / (xx * yy)) if yy > 0 else 1.0


def _maximum_likelihood(spectrum: Spectrum) -> float | None:
    """The exponent at which the mean log rank of the distribution is that of the occurrences."""
    from scipy.optimize import brentq
    from scipy.special import gammaln

    ends = np.cumsum(spectrum.types)
    starts = ends - spectrum.types
    wanted = float(spectrum.counts @ (gammaln(ends + 1) - gammaln(starts + 1))) / spectrum.total

    def difference(s: float) -> float:
        return _mean_log_rank(s, spectrum.distinct) - wanted

    if difference(-1.0) * difference(10.0) > 0:
        return None
    return float(brentq(difference, -1.0, 10.0, xtol=1e-10))


def _mean_log_rank(s: float, last: int) -> float:
    """Mean of ln r under p(r) ~ r^-s, r = 1..last: term by term at first, then by the midpoint rule, whose error is
    below 1e-10 there.
    """
    from scipy.special import roots_legendre

    head = np.log(np.arange(1, min(last, 20_000) + 1))
    weights = np.exp(-s * head)
    norm, mean = float(weights.sum()), float(weights @ head)
    if last > len(head):
        # The integrals of r^-s and r^-s ln r from 20000.5 to last + 0.5, after x = ln r.
        low, high = np.log(len(head) + 0.5), np.log(last + 0.5)
        nodes, factors = roots_legendre(60)
        x = (high - low) / 2 * nodes + (high + low) / 2
        tail = (high - low) / 2 * factors * np.exp((1 - s) * x)
        norm, mean = norm + float(tail.sum()), mean + float(tail @ x)
    return mean / norm
