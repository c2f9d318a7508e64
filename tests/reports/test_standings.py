"""Rankings against published values, and ties that are shown as ties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.reports.standings import Ranking, Standing, borda, mean_ranks
from codec_bench.reports.table import build_tables
from codec_bench.reports.ties import Contest

from .test_ties import scored

DEMSAR = np.array(
    [[2.4, 2.1, 1.8], [2.6, 2.2, 2.3], [3.1, 2.5, 2.4], [2.2, 2.3, 1.9],
     [2.9, 2.4, 2.0], [2.5, 2.0, 2.1], [2.7, 2.6, 2.2], [3.0, 2.7, 2.5]]
)  # fmt: skip


def test_ranks_and_points_are_those_of_an_example_worked_by_hand():
    sums = np.stack([DEMSAR.T, np.ones_like(DEMSAR.T)], axis=1)
    assert mean_ranks(sums, True) == [1.125, 2.125, 2.750]
    assert mean_ranks(sums, False) == [2.875, 1.875, 1.25]
    assert borda(DEMSAR).tolist() == [15, 7, 2]


@pytest.fixture
def contest(tmp_path: Path):
    """`a` and `b` are alike, `c` is worse, `d` still more; 30 speakers."""
    draw = np.random.default_rng(4)
    shared = draw.normal(size=30)
    means = {"a@1": 3.0, "b@1": 3.0, "c@1": 2.9, "d@1": 2.5}
    values = {name: mean + shared + 0.02 * draw.normal(size=30) for name, mean in means.items()}
    run = scored(tmp_path, values, [f"s{i}" for i in range(30)], metric="pesq_wb")
    (table,) = build_tables([run], ranking=True)
    return Contest([run]), table


def test_what_nothing_tells_apart_shares_its_places(contest):
    found = Standing.of(contest[0], contest[1].rows, contest[1].columns[0])
    assert found is not None
    assert [found.places(name) for name in ("a@1", "b@1", "c@1", "d@1")] == [(1, 2), (1, 2), (3, 3), (4, 4)]
    assert [set(clique) for clique in found.cliques()] == [{"a@1", "b@1"}]
    assert ("a@1", "b@1") not in found.wins
    assert ("a@1", "d@1") in found.wins


def test_a_ranking_has_points_with_intervals_and_is_in_the_table(contest):
    ranking = Ranking.of(contest[0], contest[1].rows, contest[1].columns)
    assert ranking is not None
    assert ranking.points["d@1"] == (0, 0, 0)
    assert {ranking.points[name][1:] for name in ("a@1", "b@1")} == {(2, 3)}  # either may be the first
    (grid,) = contest[1].extras
    assert grid.title == "Ranking, 2-4 kbps"
    assert [row[-1] for row in grid.rows] == ["1-2", "1-2", "3", "4"]
    assert any(note.startswith("Ranking: 1-3 is") for note in contest[1].footnotes)
