"""Radar charts: what lies where on a spoke."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.reports.plots import pictures
from tests.reports.plots.material import System, cell, drawn, make_run, only

SYSTEMS = [
    System("ground-truth", None, "reference", scale=3.0),
    System("a", 0.5, scale=0.3),
    System("b", 0.6),
    System("c", 6.0, scale=0.6),
    System("d", 7.0, scale=1.1, missing={"stoi": 12}),
]
METRICS = ["pesq_wb", "stoi", "wer[toy]"]


def test_best_is_at_the_rim_and_worst_at_zero_whatever_the_direction(tmp_path: Path):
    run = make_run(tmp_path, SYSTEMS, METRICS)
    figure = only(run, "radar").figure
    assert [a.get_title() for a in figure.axes] == ["> 2 kbps", "< 0.65 kbps"]
    radii = {str(line.get_label()): np.asarray(line.get_ydata()) for a in figure.axes for line in a.get_lines()}
    assert set(radii) == {"a", "b", "c", "d"}
    order = ["wer[toy]", "pesq_wb", "stoi"]  # as the table shows them
    for i, metric in enumerate(order):
        values = {s: float(cell(run, s, metric).value) for s in radii}
        known = [v for v in values.values() if not np.isnan(v)]
        worst, best = (max(known), min(known)) if metric == "wer[toy]" else (min(known), max(known))
        for system, value in values.items():
            if np.isnan(value):
                assert np.isnan(radii[system][i])
            else:
                assert radii[system][i] == pytest.approx((value - worst) / (best - worst))
        texts = [t.get_text() for t in figure.axes[0].texts]
        assert any(f"{worst:.3f} → {best:.3f}" in t for t in texts), texts
    assert all(r[0] == r[-1] or np.isnan(r[0]) for r in radii.values())  # closed


def test_a_condition_has_charts_of_its_own_on_the_same_scale(tmp_path: Path):
    noisy = [System(f"{s.label}+noise@5", s.bitrate, condition="noise@5", scale=0.2) for s in SYSTEMS[1:]]
    figure = only(make_run(tmp_path, [*SYSTEMS, *noisy], METRICS), "radar").figure
    titles = [a.get_title() for a in figure.axes]
    assert titles == ["> 2 kbps", "< 0.65 kbps", "> 2 kbps, noise@5", "< 0.65 kbps, noise@5"]
    assert len({tuple(sorted(t.get_text() for t in a.texts)) for a in figure.axes}) == 1
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["d", "c", "b", "a"]


def test_groups_can_be_chosen(tmp_path: Path):
    run = make_run(tmp_path, SYSTEMS, METRICS)
    (picture,) = pictures([run], ["radar"], bands=[6.5, 1.0])
    assert [a.get_title() for a in picture.figure.axes] == ["< 1 kbps"]  # the others have one system each
    assert list(pictures([run], ["radar"], bands=[6.5, 1.0, 0.55])) == []


@pytest.mark.parametrize(
    ("systems", "metrics", "kind"),
    [(SYSTEMS, METRICS[:2], "reconstruction"), (SYSTEMS[:3], METRICS, "reconstruction"), (SYSTEMS, METRICS, "speed")],
)
def test_no_chart_where_it_would_say_nothing(tmp_path: Path, systems: list[System], metrics: list[str], kind: str):
    assert drawn(make_run(tmp_path, systems, metrics, kind=kind), "radar") == {}
