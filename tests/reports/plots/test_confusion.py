"""Confusion matrices against scikit-learn's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from codec_bench.errors import UsageError
from codec_bench.reports.plots import pictures
from tests.reports.plots.material import System, drawn, make_run

LABELS = ["angry", "calm", "sad"]


def test_rows_are_shares_of_the_true_class(tmp_path: Path):
    draw = np.random.default_rng(1)
    truth, said = draw.choice(LABELS[:2], 40), draw.choice(LABELS, 40)
    matrix = confusion_matrix(truth, said, labels=LABELS)
    share = confusion_matrix(truth, said, labels=LABELS[:3], normalize="true")
    run = make_run(tmp_path, [System("a", 1.0), System("b", 2.0)], ["stoi"], kind="probe")
    entries = [
        {"system": s, "task": t, "labels": LABELS, "matrix": m.tolist()}
        for s, m in (("a", matrix), ("b", np.eye(3, dtype=int)))
        for t in ("emotion", "x/../y")
    ]
    (tmp_path / "confusion.json").write_text(json.dumps(entries))
    found = drawn(run, "confusion")
    assert set(found) == {"confusion_emotion", "confusion_x_.._y"}
    axes = {a.get_title().partition("\n")[0]: a for a in found["confusion_emotion"].figure.axes if a.get_title()}
    assert list(axes) == ["b", "a"]
    image = np.ma.filled(np.ma.asarray(axes["a"].get_images()[0].get_array()).astype(float), np.nan)
    assert np.allclose(image[:2], 100 * share[:2])
    assert np.isnan(image[2]).all()  # no utterance of this class: no share, and no zero
    assert f"accuracy {100 * accuracy_score(truth, said):.1f} %, n=40" in axes["a"].get_title()
    assert [t.get_text() for t in axes["a"].get_yticklabels()] == LABELS
    assert axes["a"].get_ylabel() == "true"
    assert len(axes["a"].texts) == 6


@pytest.mark.parametrize(
    "text", ["[", '[{"system": "a"}]', '[{"system": "a", "task": "t", "labels": ["x"], "matrix": [[1, 2]]}]']
)
def test_a_broken_file_is_named(tmp_path: Path, text: str):
    run = make_run(tmp_path, [System("a", 1.0)], ["stoi"], kind="probe")
    (tmp_path / "confusion.json").write_text(text)
    with pytest.raises(UsageError, match=r"confusion\.json cannot be drawn"):
        list(pictures([run], ["confusion"]))
