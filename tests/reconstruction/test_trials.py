"""Speaker verification in a run: all rows have the trials of the set; what a row lacks is counted below the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from codec_bench.audio import read_audio
from codec_bench.metrics import metric
from codec_bench.metrics.speaker.eer import trials_of
from codec_bench.runs.directory import Run
from tests.reconstruction.bad_plugins import Plain
from tests.small_runs import DEMO

LOST = 4
"""Which utterance one of the codecs cannot code: the one that is longer than all others."""


class Forgetful(Plain):
    name = "forgetful"

    def _encode(self, samples: Any) -> Any:
        if len(samples) > 16_000:
            raise ValueError("too long for me")
        return super()._encode(samples)


@pytest.fixture
def twenty(tmp_path: Path) -> Path:
    """Two seconds of ten voices each, in pieces of one second."""
    rows = []
    for number, name in enumerate(pd.read_csv(DEMO / "manifest.tsv", sep="\t")["path"][:10]):
        samples, rate = soundfile.read(DEMO / name)
        assert rate == 16_000
        for half in range(2):
            place = 2 * number + half
            part = samples[half * rate :][: rate + (place == LOST)]
            soundfile.write(tmp_path / f"{place:02d}.wav", part, rate)
            rows.append({"id": f"{place:02d}", "path": f"{place:02d}.wav", "speaker": f"s{number}"})
    pd.DataFrame(rows).to_csv(tmp_path / "twenty.tsv", sep="\t", index=False)
    return tmp_path / "twenty.tsv"


@pytest.mark.slow
def test_rows_have_the_same_trials_and_those_that_are_missing_are_counted(
    run_in: Callable[..., Run], twenty: Path
) -> None:
    options = {"dataset": str(twenty), "metrics": ["eer[resemblyzer]", "si_sdr"], "max_failed": 1.0}
    both = run_in(codec=[Plain, Forgetful], **options)
    trials, is_target = trials_of([f"s{place // 2}" for place in range(20)])
    left = int((~(trials == LOST).any(axis=1)).sum())
    assert len(trials) == 20
    (note,) = (note for note in both.info["notes"] if note.startswith("eer[resemblyzer]: "))
    assert note == (
        "eer[resemblyzer]: the same 20 trials for every row, of which some are missing: "
        f"forgetful has {left} of 20 (19 of 20 utterances have a score)."
    )
    rows = both.summary[both.summary.metric == "eer[resemblyzer]"].set_index("system")
    assert rows.n.to_dict() == {"ground-truth": 20, "plain": 20, "forgetful": 19}

    made = metric("eer[resemblyzer]")
    heard = [made.embedding.function(read_audio(twenty.parent / f"{place:02d}.wav")) for place in range(20)]
    unit = np.stack([one.mean(axis=0) / np.linalg.norm(one.mean(axis=0)) for one in heard])
    scores = (unit[trials[:, 0]] * unit[trials[:, 1]]).sum(axis=1)
    for label, kept in (("ground-truth", np.ones(20, bool)), ("forgetful", ~(trials == LOST).any(axis=1))):
        curve = pytest.importorskip("sklearn.metrics").roc_curve(is_target[kept], scores[kept], drop_intermediate=False)
        gap = curve[0] + curve[1] - 1
        assert rows.value[label] == pytest.approx(100 * np.interp(0, gap, curve[0]), abs=0.1), label

    alone = run_in("other", codec=[Plain], **options)
    assert alone.summary.set_index(["system", "metric"]).value["plain", "eer[resemblyzer]"] == rows.value["plain"]
    assert "eer[resemblyzer]: the same 20 trials for every row." in alone.info["notes"]
