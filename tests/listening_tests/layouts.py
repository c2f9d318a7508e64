"""Who rated what in simulated tests, and statsmodels' crossed random effects."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Effects = tuple[float, float, float]
"""Standard deviations of listeners, items and the rest."""


def layout(generator: np.random.Generator, listeners: int, items: int, each: int) -> NDArray[np.int64]:
    """Numbers of a listener and an item, `[answers, 2]`: every listener meets `each` items, drawn anew."""
    return np.array([(who, item) for who in range(listeners) for item in generator.permutation(items)[:each]])


def drawn(generator: np.random.Generator, places: NDArray[np.int64], effects: Effects) -> NDArray[np.float64]:
    """A value per place around 0."""
    who, item = places.T
    people, material = (generator.standard_normal(index.max() + 1)[index] for index in (who, item))
    return effects[0] * people + effects[1] * material + effects[2] * generator.standard_normal(len(places))


def names(places: NDArray[np.int64]) -> tuple[list[str], list[str]]:
    return [f"l{who}" for who in places[:, 0]], [f"u{item}" for item in places[:, 1]]


def mixed_model(values: list[float], listeners: list[str], items: list[str]) -> tuple[float, float, Effects]:
    """Mean, its standard error and the variances of listeners, items and the rest, by restricted maximum likelihood."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    frame = pd.DataFrame({"y": values, "who": listeners, "item": items, "all": 1})
    parts = {"who": "0 + C(who)", "item": "0 + C(item)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the gradient is not quite 0 at the optimum
        model = MixedLM.from_formula("y ~ 1", groups="all", vc_formula=parts, data=frame)
        fitted = model.fit(reml=True, method="powell")
    variances = dict(zip(model.exog_vc.names, fitted.vcomp, strict=True))
    mean, error = float(fitted.fe_params.iloc[0]), float(fitted.bse_fe.iloc[0])
    return mean, error, (float(variances["who"]), float(variances["item"]), float(fitted.scale))
