"""How alike patches of spectrograms are: the neurogram similarity index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codec_bench.stats import Floats

PATCH_FRAMES = 20

_CENTRE, _EDGE, _CORNER = 0.619485845753726, 0.0838251475442633, 0.0113033910173052
_LUMINANCE, _STRUCTURE = 0.01**2, 0.03**2 / 2


@dataclass(frozen=True)
class Patch:
    """What a patch of the reference and its counterpart have in common, each `[bands]`, lowest band first.

    Attributes:
        means: Mean similarity over its frames; 1 where a band is the same.
        deviations: Standard deviation of that, of one degree of freedom less.
        levels: Mean level of the decoded signal in decibels above the floor.
        frames: How many frames the program counts in it: by its duration, which rounding can make one too many.
    """

    means: Floats
    deviations: Floats
    levels: Floats
    frames: int = PATCH_FRAMES


def patch_of(reference: Floats, decoded: Floats) -> Patch:
    """How alike two patches `[bands, frames]` are."""
    alike = Neurograms(decoded[None]).similarities(reference)[0]
    return Patch(alike.mean(axis=1), alike.std(axis=1, ddof=1), decoded.mean(axis=1))


class Neurograms:
    """Patches `[n, bands, frames]` of the decoded signal, and their local means and variances."""

    def __init__(self, patches: Floats) -> None:
        self.patches = patches
        self.means = _smooth(patches)
        self.variances = _smooth(patches**2) - self.means**2

    def similarities(self, reference: Floats, part: slice = slice(None)) -> Floats:
        """Neurogram similarity index of a patch `[bands, frames]` and each of `part`: `[n, bands, frames]`."""
        mean = _smooth(reference)
        variance = _smooth(reference**2) - mean**2
        means, patches = self.means[part], self.patches[part]
        both = mean * means
        intensity = (2 * both + _LUMINANCE) / (mean**2 + means**2 + _LUMINANCE)
        # Rounding makes the variance of silence a little negative at times.
        deviation = np.sqrt(np.maximum(variance * self.variances[part], 0.0))
        structure = (_smooth(reference * patches) - both + _STRUCTURE) / (deviation + _STRUCTURE)
        return np.asarray(intensity * structure)


def _smooth(patches: Floats) -> Floats:
    """Weighted mean over 3 x 3 points, the outermost repeated beyond the edge."""
    padded = np.pad(patches, [(0, 0)] * (patches.ndim - 2) + [(1, 1), (1, 1)], "edge")
    aside = padded[..., :-2, :] + padded[..., 2:, :]
    middle = padded[..., 1:-1, :]
    return np.asarray(
        _CENTRE * middle[..., 1:-1]
        + _EDGE * (middle[..., :-2] + middle[..., 2:] + aside[..., 1:-1])
        + _CORNER * (aside[..., :-2] + aside[..., 2:])
    )
