"""The bytes of a recording are those whose digest the plan holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec_bench.audio import FloatArray
from codec_bench.cache import ArrayCache
from codec_bench.coding.conditions.framing import Concatenated
from codec_bench.coding.items import Item, resolved
from codec_bench.coding.signals import load_recording, load_signal, recording_source
from codec_bench.datasets.clips import clips_folder
from codec_bench.records import NotScorable, Status, Utterance
from codec_bench.runs.directory import Run
from codec_bench.testing.codecs import Identity
from codec_bench.tokens import Bitstream


def recorded(path: Path, tone: float = 20, seconds: float = 1, duration: float | None = None) -> Item:
    soundfile.write(path, 0.3 * np.sin(np.arange(int(16_000 * seconds)) / tone), 16_000, format="WAV")
    return resolved(Utterance(path.stem, path, duration=duration))


def outcome(item: Item) -> Status:
    with pytest.raises(NotScorable) as caught:
        load_recording(item)
    return caught.value.status


def test_the_same_bytes_are_read(tmp_path: Path):
    item = recorded(tmp_path / "a.wav")
    expected, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    for found in (load_recording(item), load_signal(recording_source(item), ArrayCache(tmp_path / "cache"))):
        np.testing.assert_array_equal(found.samples, expected)
    (tmp_path / "a.wav").touch()
    assert len(load_recording(item)) == 16_000


def test_other_bytes_of_the_same_length_are_a_change(tmp_path: Path):
    item = recorded(tmp_path / "a.wav")
    recorded(tmp_path / "a.wav", tone=21)
    assert outcome(item) is Status.CHANGED
    assert Status.CHANGED.is_transient  # put back, it is scored
    recorded(tmp_path / "a.wav")
    assert len(load_recording(item)) == 16_000


def test_what_is_gone_or_was_never_there(tmp_path: Path):
    item = recorded(tmp_path / "a.wav")
    (tmp_path / "a.wav").unlink()
    assert outcome(item) is Status.MISSING
    assert outcome(resolved(item.utterance)) is Status.MISSING
    (tmp_path / "a.wav").mkdir()
    assert outcome(item) is Status.UNREADABLE


def test_a_manifest_that_promises_more(tmp_path: Path):
    item = recorded(tmp_path / "a.wav", duration=1.05)
    assert len(load_recording(item)) == 16_000
    longer = replace(item, utterance=replace(item.utterance, duration=1.2))
    assert outcome(longer) is Status.UNREADABLE
    with pytest.raises(NotScorable, match=r"it holds 1.00 s of the 1.20 s that the manifest states"):
        load_signal(recording_source(longer), ArrayCache(tmp_path / "cache"))


def test_a_clip_may_end_with_the_recording_that_it_was_cut_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path))
    folder = clips_folder() / "set"
    folder.mkdir(parents=True)
    assert len(load_recording(recorded(folder / "a.wav", duration=1.4))) == 16_000


def test_a_group_loses_the_recording_that_changed(tmp_path: Path):
    items = [recorded(tmp_path / f"{name}.wav") for name in "abc"]
    recorded(tmp_path / "b.wav", tone=21)
    joined = Concatenated(10.0).bound(items)
    assert joined.pieces(items[0], load_recording)
    with pytest.raises(NotScorable) as caught:
        joined.pieces(items[1], load_recording)
    assert caught.value.status is Status.CHANGED


class Replaces(Identity):
    """Puts another recording in the place of one that is still to come, when the first is coded."""

    name = "test-replaces"

    def _encode(self, samples: FloatArray) -> Bitstream:
        there = Path(os.environ["CODEC_BENCH_TEST_REPLACED"])
        if there.stat().st_mtime > 1e9:
            recorded(there, tone=21)
            os.utime(there, (1e9, 1e9))
        return super()._encode(samples)


def test_a_recording_that_is_replaced_during_a_run_is_never_scored(
    run_in: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    names = [f"u{number}" for number in range(4)]
    for number, name in enumerate(names):
        recorded(tmp_path / f"{name}.wav", tone=20 + 3 * number)
    (tmp_path / "set.tsv").write_text("\n".join(["id\tpath", *(f"{name}\t{name}.wav" for name in names)]) + "\n")
    monkeypatch.setenv("CODEC_BENCH_TEST_REPLACED", str(tmp_path / "u3.wav"))
    options = {"dataset": str(tmp_path / "set.tsv"), "metrics": ["si_sdr"], "max_failed": 0.9}
    poisoned = run_in("one", **options, codec=[f"{__name__}:Replaces"])
    coded = poisoned.scores[poisoned.scores.system != "ground-truth"]
    assert coded.set_index("utterance").status.to_dict() == {"u0": "ok", "u1": "ok", "u2": "ok", "u3": "changed"}
    assert set(poisoned.scores.status[poisoned.scores.value.isna()]) == {"changed"}
    assert poisoned.scores.value.min() > 90
    recorded(tmp_path / "u3.wav", tone=29)
    os.utime(tmp_path / "u3.wav", (1e9, 1e9))
    for home in ("one", "two"):  # nothing of the other recording was kept
        again = run_in(home, **options, codec=[f"{__name__}:Replaces"], out=tmp_path / f"again-{home}")
        assert set(again.scores.status) == {"ok"}
        assert again.scores.value.min() > 90
