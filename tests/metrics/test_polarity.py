"""Which metrics hear that a waveform is upside down: those that say so, and no others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from codec_bench.audio import Audio, read_audio, resample
from codec_bench.metrics import METRICS, metric
from codec_bench.metrics.signal import Recording
from codec_bench.reconstruction.summary import polarity_notes
from tests.metrics.material import DATA

RATE = 16_000
HEARING = (
    "utmos",
    "utmosv2",
    "distillmos",
    "spk_sim",
    "emo_sim",
    "vuv_f1_crepe",
    "sigmos",
    "scoreq",
    "scoreq_ref",
    "squim",
    "audiobox",
    "speechbertscore",
)


def recording(name: str, sign: int = 1) -> Recording:
    samples = resample(read_audio(DATA / f"visqol/{name}.flac"), RATE).samples[RATE // 2 : 2 * RATE]
    return Recording(Audio(sign * samples, RATE))


@pytest.fixture(scope="module")
def pair() -> dict[int, Recording]:
    return {sign: recording("transcoded_CA01_01", sign) for sign in (1, -1)} | {0: recording("CA01_01")}


def test_those_that_look_at_the_waveform_or_at_phases_say_so() -> None:
    found = {name.partition(".")[0] for name in METRICS.names() if metric(name).hears_polarity}
    assert found == set(HEARING)


@pytest.mark.long
@pytest.mark.parametrize("name", [n for n in METRICS.names() if "text" not in metric(n).inputs])
def test_a_waveform_that_is_upside_down_is_heard_by_those_alone(name: str, pair: dict[int, Recording]) -> None:
    made = metric(name)
    if made.unavailable() is not None:
        pytest.skip("its weights are not here")
    value, turned = (float(made.score(pair[0], pair[sign])) for sign in (1, -1))
    assert (turned != pytest.approx(value, abs=1e-6)) == made.hears_polarity


def test_a_table_names_rows_that_are_upside_down_and_the_columns_that_hear_it() -> None:
    def notes(polarity: int, *metrics: str) -> list[str]:
        row = SimpleNamespace(label="xcodec@4", spec=SimpleNamespace(polarity=polarity))
        return polarity_notes(cast("Any", SimpleNamespace(rows=[row], metrics=[metric(name) for name in metrics])))

    assert notes(1, "utmos") == []
    (note,) = notes(-1, "utmos", "stoi")
    assert note == "Waveform upside down, as the codec makes it: xcodec@4; heard by utmos."
    assert "which no column hears" in notes(-1, "stoi")[0]
