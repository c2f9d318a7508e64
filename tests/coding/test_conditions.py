"""Conditions: each does to the signal what it says, and rows under them follow the same rules as clean ones."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy import signal

import codec_bench
from codec_bench import load_codec
from codec_bench.adapters.systems import parse_systems
from codec_bench.audio import Audio, read_audio
from codec_bench.coding.conditions import (
    Alteration,
    Altered,
    Concatenated,
    Condition,
    Piece,
    Segmented,
    bound,
    parse_conditions,
)
from codec_bench.coding.conditions.noise import LTASS_DB, LTASS_HZ, speech_shaped_noise
from codec_bench.coding.dispatch import Dispatcher
from codec_bench.coding.items import Item
from codec_bench.coding.local import LocalCoders
from codec_bench.coding.reconstruct import Reconstructor
from codec_bench.coding.rows import Row
from codec_bench.errors import UsageError
from codec_bench.files import file_digest
from codec_bench.fingerprint import address
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.plan import make_plan
from codec_bench.records import NotScorable, Status, Utterance
from codec_bench.reports.formats.markdown import markdown
from codec_bench.reports.table import build_table
from codec_bench.runs.directory import Run
from tests.coding.coded import problems
from tests.small_runs import DEMO

RunIn = Callable[..., Run]
SPEECH = read_audio(DEMO / "audio" / "slt-01.flac")
QUIET = Audio((0.1 * SPEECH.samples).astype(np.float32), SPEECH.rate)
CLASSIC = ["codec2@1200", "opus@6000"]
ALL = ["noise@10", "reverb@0.3", "gain@-30", "band@2000", "segment@1.0", "concat@8"]


def alter(name: str, recording: Audio = QUIET, identity: str = "one", **folders: Any) -> Altered:
    (condition,) = parse_conditions([name], **folders)
    assert isinstance(condition, Alteration)
    return condition.altered(recording, identity)


def write(path: Path, samples: np.ndarray, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="FLOAT")


# --- names ---------------------------------------------------------------------------------------------------------


def test_names_become_conditions_once_each_and_in_order():
    found = parse_conditions(["reverb", "noise@10", "noise@10.0", "segment@1.0", "gain@-0"])
    assert [c.label for c in found] == ["reverb@0.5", "noise@10", "segment@1", "gain@0"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nosie@10", "unknown condition 'nosie'; did you mean 'noise'"),
        ("noise", "noise takes an SNR in dB from -40 to 100, not nothing"),
        ("noise@loud", "noise takes an SNR in dB from -40 to 100, not 'loud'"),
        ("noise@nan", "not 'nan'"),
        ("gain@41", "gain takes a gain in dB from -80 to 40, not '41'"),
        ("reverb@", "reverb takes a reverberation time .* from 0.3 to 1, not nothing"),
        ("segment@0.01", "segment takes a length in seconds, in steps of 0.02, from 0.1 to 600"),
        ("segment@0.333", "in steps of 0.02"),
        ("concat@0", "concat takes a length in seconds from 1 to 3600"),
    ],
)
def test_wrong_names_are_one_line(name: str, message: str):
    with pytest.raises(UsageError, match=message):
        parse_conditions([name])


def test_folders_must_be_there_have_audio_and_be_used(tmp_path: Path):
    for name, folders, said in (
        ("gain@3", {"noise_dir": tmp_path}, "none of the conditions is noise"),
        ("noise@3", {"noise_dir": tmp_path}, "no audio file is below"),
        ("reverb", {"room_dir": tmp_path / "absent"}, "does not exist"),
        ("reverb@0.5", {"room_dir": tmp_path}, "reverberation time is that of the files"),
    ):
        with pytest.raises(UsageError, match=said):
            parse_conditions([name], **folders)


# --- signals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("snr", [-5, 0, 20])
@pytest.mark.parametrize("recording", [QUIET, SPEECH], ids=["quiet", "loud"])
def test_noise_has_the_ratio_exactly_and_never_clips(snr: int, recording: Audio):
    made = alter(f"noise@{snr}", recording)
    gain = 10 ** (-made.turned_down_db / 20)
    speech = gain * recording.samples.astype(np.float64)
    noise = made.audio.samples - speech
    assert 10 * np.log10(np.sum(speech**2) / np.sum(noise**2)) == pytest.approx(snr, abs=1e-3)
    assert made.audio.peak <= 1
    assert (made.turned_down_db > 0) == (made.audio.peak > 0.999)
    assert (len(made.audio), made.audio.rate) == (len(recording), recording.rate)


def test_without_files_the_noise_has_the_spectrum_of_speech():
    rate = 48_000
    noise = speech_shaped_noise(60 * rate, rate, np.random.default_rng(0))
    frequencies, density = signal.welch(noise, rate, nperseg=16_384)
    wanted, found = [], []
    for centre, level in zip(LTASS_HZ, LTASS_DB, strict=True):
        if 200 <= centre <= 12_500:  # narrower bands hold too few bins
            inside = (frequencies > centre * 2 ** (-1 / 6)) & (frequencies < centre * 2 ** (1 / 6))
            found.append(10 * np.log10(density[inside].sum()))
            wanted.append(level)
    difference = np.array(found) - np.array(wanted)
    assert np.abs(difference - difference.mean()).max() < 1.2


def test_noise_files_are_drawn_by_content_resampled_and_go_round(tmp_path: Path):
    rate = 32_000
    time = np.arange(rate // 4) / rate  # a quarter of a second: 440 Hz goes round without a seam
    write(tmp_path / "first" / "a.wav", np.sin(2 * np.pi * 440 * time), rate)
    made = alter("noise@0", noise_dir=tmp_path / "first").audio
    noise = made.samples.astype(np.float64) - QUIET.samples
    power = np.abs(np.fft.rfft(noise * np.hanning(len(noise)))) ** 2
    frequencies = np.fft.rfftfreq(len(noise), 1 / QUIET.rate)
    assert power[np.abs(frequencies - 440) < 8].sum() > 0.99 * power.sum()
    assert 10 * np.log10(np.mean(QUIET.samples.astype(float) ** 2) / np.mean(noise**2)) == pytest.approx(0, abs=1e-3)
    write(tmp_path / "first" / "b.wav", np.sin(2 * np.pi * 1000 * time), rate)
    for number, name in enumerate(["z/a", "y/a"]):  # the same files under other names, stems twice
        data = (tmp_path / "first" / "ab"[number]).with_suffix(".wav").read_bytes()
        path = tmp_path / "second" / f"{name}.wav"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    names = [str(i) for i in range(12)]
    first, second = (
        [alter("noise@0", identity=i, noise_dir=tmp_path / where).audio.samples for i in names]
        for where in ("first", "second")
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    tones = {int(frequencies[np.abs(np.fft.rfft(a - QUIET.samples)).argmax()].round(-1)) for a in first}
    assert tones == {440, 1000}


def test_draws_depend_on_the_recording_and_the_seed_and_on_nothing_else():
    noise = {
        key: alter(name, identity=identity, seed=seed).audio.samples - QUIET.samples
        for key, name, identity, seed in (
            ("it", "noise@20", "one", 0), ("again", "noise@20", "one", 0), ("louder", "noise@0", "one", 0),
            ("other", "noise@20", "two", 0), ("seed", "noise@20", "one", 1),
        )
    }  # fmt: skip
    assert np.array_equal(noise["it"], noise["again"])
    assert np.corrcoef(noise["it"], noise["louder"])[0, 1] > 0.9999
    assert abs(np.corrcoef(noise["it"], noise["other"])[0, 1]) < 0.05
    assert abs(np.corrcoef(noise["it"], noise["seed"])[0, 1]) < 0.05


@pytest.mark.long
@pytest.mark.parametrize("seconds", [0.3, 0.6])
def test_simulated_rooms_have_the_reverberation_time_and_no_delay(seconds: float):
    experimental = pytest.importorskip("pyroomacoustics.experimental")
    (condition,) = parse_conditions([f"reverb@{seconds}"])
    assert isinstance(condition, Alteration)
    found = []
    for name in ("one", "two", "three"):
        impulse = np.zeros(int(2.5 * seconds * 16_000), np.float32)
        impulse[100] = 0.1
        wet = condition.altered(Audio(impulse, 16_000), name).audio.samples
        assert wet[100] == pytest.approx(0.1, rel=1e-3)
        found.append(experimental.measure_rt60(wet[100:].astype(np.float64), fs=16_000, decay_db=30))
        # White noise, because the pitch of speech has peaks of its own.
        white = Audio(np.random.default_rng(0).normal(0, 0.02, 32_000).astype(np.float32), 16_000)
        altered = condition.altered(white, name).audio.samples
        assert len(altered) == len(white)
        assert lag(altered, white.samples) == 0
    assert found == pytest.approx([seconds] * 3, rel=0.08)


def lag(late: np.ndarray, early: np.ndarray) -> int:
    return int(signal.correlate(late, early).argmax()) - (len(early) - 1)


def test_rooms_from_files_keep_the_direct_sound_at_its_time_and_level(tmp_path: Path):
    response = np.zeros((900, 2))
    response[100, 0], response[500, 0] = -0.2, 0.1  # late, inverted, and with a reflection at half the level
    response[:, 1] = np.random.default_rng(0).normal(0, 1, 900)  # another microphone
    write(tmp_path / "room.wav", response, QUIET.rate)
    wet = alter("reverb", room_dir=tmp_path).audio.samples
    expected = QUIET.samples.astype(np.float64)
    expected[400:] -= 0.5 * QUIET.samples[:-400]
    assert wet == pytest.approx(expected, abs=1e-6)


def test_gain_changes_the_level_and_clips_what_is_too_loud():
    quiet = alter("gain@-20", SPEECH)
    assert quiet.audio.level_db == pytest.approx((SPEECH.level_db or 0) - 20, abs=1e-4)
    loud = alter("gain@30", SPEECH)
    assert loud.audio.peak == 1
    assert loud.clipped == np.sum(np.abs(SPEECH.samples.astype(np.float64)) * 10**1.5 > 1) > 0
    assert loud.turned_down_db == 0


def test_band_attenuates_above_the_cut_off_without_delay():
    rate = 24_000
    white = Audio(np.random.default_rng(0).normal(0, 0.1, 20 * rate).astype(np.float32), rate)
    made = alter("band@4000", white)
    frequencies, before = signal.welch(white.samples, rate, nperseg=2400)
    _, after = signal.welch(made.audio.samples, rate, nperseg=2400)
    change = dict(zip(frequencies.tolist(), (10 * np.log10(after / before)).tolist(), strict=True))
    assert change[4000.0] == pytest.approx(-6, abs=0.5)
    assert max(abs(db) for f, db in change.items() if 0 < f < 3850) < 0.1
    assert max(db for f, db in change.items() if 4150 < f < 11_900) < -40
    assert lag(made.audio.samples, white.samples) == 0
    assert not made.unchanged


def test_a_band_that_the_recording_does_not_fill_changes_nothing():
    made = alter("band@8000", SPEECH)
    assert made.unchanged
    assert np.array_equal(made.audio.samples, SPEECH.samples)


@pytest.mark.parametrize("name", ["noise@10", "reverb@0.3", "gain@-20", "band@2000"])
def test_silence_and_broken_samples_are_not_altered(name: str):
    with pytest.raises(NotScorable, match="silent"):
        alter(name, Audio(np.zeros(1000, np.float32), 16_000))
    with pytest.raises(NotScorable, match="NaN"):
        alter(name, Audio(np.full(1000, np.nan, np.float32), 16_000))


def test_a_short_last_piece_belongs_to_the_one_before():
    second = Segmented(1.0)
    assert second.bounds(16_000, 16_000) == [(0, 16_000)]
    assert second.bounds(33_000, 16_000) == [(0, 16_000), (16_000, 33_000)]
    assert second.bounds(35_200, 16_000) == [(0, 16_000), (16_000, 32_000), (32_000, 35_200)]
    assert second.bounds(100, 16_000) == [(0, 100)]


# --- runs ----------------------------------------------------------------------------------------------------------


def decoded_files(run: Run, system: str) -> dict[str, Audio]:
    return {path.stem: read_audio(path) for path in sorted((run.path / "audio" / system).glob("*.wav"))}


def facts_of(run: Run) -> pd.DataFrame:
    return pd.read_csv(run.path / "reconstructions.csv").set_index(["system", "utterance"])


def recordings(manifest: Path) -> dict[str, Audio]:
    return {row.id: read_audio(row.path) for row in pd.read_csv(manifest, sep="\t").itertuples()}


@pytest.fixture(scope="module")
def framed(six: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Recordings that were coded in pieces, and joined."""
    folder = tmp_path_factory.mktemp("framed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(folder / "home"))
        return codec_bench.run(
            CLASSIC, str(six), condition=["segment@1.0", "concat@6"], metrics=["si_sdr"], jobs=1, report=False,
            keep_audio=True, out=folder / "out",
        )  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("name", CLASSIC)
def test_segments_are_coded_as_if_they_were_recordings(framed: Run, six: Path, name: str):
    codec, facts, found = load_codec(name), facts_of(framed), decoded_files(framed, f"{name}_segment@1")
    assert len(found) == 6
    for utterance, audio in found.items():
        original = recordings(six)[utterance]
        cuts = [original.rate * i for i in range(1, int(original.seconds + 0.8))]
        codes = [codec.encode(Audio(part, original.rate)) for part in np.split(original.samples, cuts)]
        assert len(codes) >= 2
        assert np.array_equal(audio.samples, np.concatenate([codec.decode(code).samples for code in codes]))
        row = facts.loc[(f"{name}+segment@1", utterance)]
        assert row.bits == sum(code.bits for code in codes)
        assert row.coded_seconds == pytest.approx(sum(code.seconds for code in codes))
        assert len(list((framed.path / "tokens" / f"{name}_segment@1").glob(f"{utterance}-*.npz"))) == len(codes)


@pytest.mark.long
@pytest.mark.parametrize("name", CLASSIC)
def test_joined_recordings_are_coded_as_one_and_cut_apart(framed: Run, six: Path, name: str):
    originals = recordings(six)
    speakers = pd.read_csv(six, sep="\t").set_index("id").speaker
    groups = framed.info["plan"]["conditions"][1]["groups"]
    assert sorted(u for group in groups for u in group) == sorted(originals)
    assert all(speakers[group].nunique() == 1 for group in groups)
    assert max(len(group) for group in groups) > 1
    codec, facts, found = load_codec(name), facts_of(framed), decoded_files(framed, f"{name}_concat@6")
    for group in groups:
        parts = [originals[u] for u in group]
        rate = parts[0].rate
        padded = [np.pad(p.samples, (0, -len(p) % (rate // 50))) for p in parts[:-1]] + [parts[-1].samples]
        code = codec.encode(Audio(np.concatenate(padded), rate))
        joined = codec.decode(code)
        start = 0.0
        for utterance, part, block in zip(group, parts, padded, strict=True):
            first, length = round(start * joined.rate), len(found[utterance])
            assert np.array_equal(found[utterance].samples, joined.samples[first : first + length])
            assert length == pytest.approx(part.seconds * joined.rate, abs=1)
            start += len(block) / rate
        lengths = np.array([len(p) for p in parts])
        bits = facts.loc[f"{name}+concat@6"].bits[group].to_numpy()
        assert bits == pytest.approx(code.bits * lengths / lengths.sum())


def test_what_a_speaker_has_left_over_joins_the_last_group():
    def item(number: int, speaker: str) -> Item:
        path = DEMO / "audio" / f"{speaker}-0{number}.flac"
        return Item(Utterance(f"{speaker}-0{number}", path, speaker=speaker), file_digest(path))

    items = [item(n, s) for n in (3, 1, 5, 2, 4) for s in ("slt", "rms")]
    bound = Concatenated(6.5).bound(items)
    groups = {tuple(i.utterance.id for i in group.items) for group, _ in bound.groups.values()}
    lengths = {group: sum(read_audio(DEMO / "audio" / f"{u}.flac").seconds for u in group) for group in groups}
    assert {g[0][:3] for g in groups} == {"slt", "rms"}
    assert min(lengths.values()) >= 6.5
    assert ("slt-01", "slt-02") in groups
    assert ("slt-03", "slt-04", "slt-05") in groups


@pytest.mark.long
def test_every_row_is_labelled_and_what_was_done_is_written_down(run_in: RunIn):
    run = run_in(codec=["opus@6000", "codec2@1200"], condition=ALL, metrics=["stoi"], limit=3)
    altered = ["", *(f"+{c}" for c in ALL[:4])]
    under = [*altered, "+segment@1", "+concat@8"]
    rows = [f"ground-truth{c}" for c in altered] + [f"{s}{c}" for s in ("opus@6000", "codec2@1200") for c in under]
    assert list(run.systems) == list(dict.fromkeys(run.summary.system)) == rows
    assert set(run.scores.system) == set(rows)
    assert set(run.scores.status) == {"ok"}
    assert run.systems["opus@6000+noise@10"]["note"].endswith(
        "10 dB SNR over the whole recording; against the clean recording"
    )
    assert run.systems["opus@6000"]["condition"] is None
    assert len({s["fingerprint"] for s in run.systems.values()}) == len(rows)
    conditions = {c["label"]: c for c in run.info["plan"]["conditions"]}
    assert list(conditions) == [*ALL[:4], "segment@1", "concat@8"]
    assert conditions["noise@10"]["packages"]["numpy"] == np.__version__
    assert run.info["config"]["condition_reference"] == "clean"
    assert not [w for w in run.info["warnings"] if "scaled twice" in w]  # 30 dB quieter on purpose is not a mistake
    level = run.info["levels"]["ground-truth+gain@-30"]
    assert level["decoded"] == level["input"] == pytest.approx(level["reference"] - 30, abs=0.01)
    table = build_table(run)
    titles = [section.title for section in table.sections]
    assert titles[:6] == [
        "reference", "4-8 kbps, classic", "0.85-2 kbps, classic",
        "reference, noise@10", "4-8 kbps, classic, noise@10", "0.85-2 kbps, classic, noise@10",
    ]  # fmt: skip
    assert [r.label for s in table.sections for r in s.rows if s.title.startswith("reference")] == rows[:5]
    families = {row.label: row.family for section in table.sections for row in section.rows}
    assert (families["opus@6000"], families["opus@6000+gain@-30"]) == ("opus", "opus+gain@-30")
    text = markdown(table)
    assert "- +noise@10: speech-shaped noise at 10 dB SNR over the whole recording." in text
    assert "All rows are scored against the clean recordings" in text


@pytest.mark.long
def test_conditions_add_to_a_clean_run_and_code_nothing_again(run_in: RunIn, tmp_path: Path):
    options: dict[str, Any] = {"codec": ["opus@6000"], "metrics": ["stoi"], "limit": 2}
    run_in(**options)
    cache = tmp_path / "home" / "cache"

    def entries(kind: str) -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for p in (cache / kind).rglob("*") if p.is_file()}

    before = {kind: entries(kind) for kind in ("codes", "audio")}
    more = run_in(**options, condition=["noise@10", "concat@60", "segment@60"])
    after = {kind: entries(kind) for kind in ("codes", "audio")}
    assert more.info["sessions"][-1]["scores_from_cache"] == 4
    assert all(before[kind].items() <= after[kind].items() for kind in before)
    # Two noisy recordings and one group; pieces of a minute are the recordings themselves.
    assert len(after["codes"]) - len(before["codes"]) == 3
    with pytest.raises(UsageError, match="another version"):
        run_in(**options, condition=["noise@10", "concat@60", "segment@60"], condition_reference="altered")


def test_clean_rows_keep_their_addresses(tmp_path: Path):
    (system,) = parse_systems(["opus@6000"])
    item = Item(Utterance("u", DEMO / "audio" / "slt-01.flac"), "0" * 64)
    row = Row(system)
    assert row.label == "opus@6000"
    assert row.fingerprint == system.fingerprint == address(source=system.source.fingerprint, codebooks=None)
    made = Reconstructor(tmp_path)
    assert made.identity(row, item) == address(system=system.fingerprint, recording="0" * 64)
    assert made.reference_identity(row, item) == "file:" + "0" * 64


@pytest.mark.long
def test_noise_costs_a_codec_quality_and_less_so_against_the_noisy_recording(run_in: RunIn, tmp_path: Path):
    options: dict[str, Any] = {"codec": ["opus@6000"], "metrics": ["pesq_wb"], "condition": ["noise@20", "noise@0"]}
    clean = run_in(**options).summary.set_index("system").value
    rows = ["opus@6000", "opus@6000+noise@20", "opus@6000+noise@0"]
    assert clean[rows].is_monotonic_decreasing
    assert clean["ground-truth+noise@20"] > clean["opus@6000+noise@20"]
    run = run_in(**options, condition_reference="altered", out=tmp_path / "altered")
    altered = run.summary.set_index("system").value
    assert (altered[rows[1:]] > clean[rows[1:]]).all()
    assert altered["opus@6000"] == clean["opus@6000"]
    assert altered["ground-truth+noise@0"] == clean["ground-truth+noise@0"]
    assert run.systems["opus@6000+noise@0"]["note"].endswith("against the altered recording")
    assert run.systems["ground-truth+noise@0"]["note"].endswith("against the clean recording")
    assert "scored against the altered one" in markdown(build_table(run))


@pytest.mark.long
def test_what_conditions_do_besides_is_a_warning(run_in: RunIn):
    run = run_in(codec=["codec2@3200"], metrics=["stoi"], limit=2, condition=["noise@-20", "gain@30", "band@9000"])
    warnings = "\n".join(run.info["warnings"])
    assert "noise@-20: 2 of 2 altered recordings were attenuated, by up to" in warnings
    assert "gain@30: 2 of 2 altered recordings are clipped, up to" in warnings
    assert "band@9000: 2 of 2 recordings stayed as they are" in warnings


def test_files_have_their_clean_row_only_and_a_warning():
    label = f"files:{DEMO / 'audio'}"
    plan = make_plan(RunConfig(codec=[label], metrics=["stoi"], limit=2, condition=["gain@-6", "segment@1"]), "demo")
    assert [row.label for row in plan.rows] == ["ground-truth", "ground-truth+gain@-6", label]
    assert any(w.startswith(f"{label} has its clean row only") for w in plan.warnings)
    assert [c.label for c in plan.conditions] == ["gain@-6"]


@pytest.mark.long
def test_a_bad_recording_costs_itself_and_no_group(run_in: RunIn, six: Path, tmp_path: Path):
    table = pd.read_csv(six, sep="\t").head(3)
    (tmp_path / "text.wav").write_text("no audio")
    write(tmp_path / "nan.wav", np.full(16_000, np.nan), 16_000)
    write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    names = ["text", "nan", "silent"]
    bad = pd.DataFrame({"id": names, "path": [str(tmp_path / f"{n}.wav") for n in names]})
    pd.concat([table, bad.assign(speaker=table.speaker.iloc[0])]).to_csv(tmp_path / "bad.tsv", sep="\t", index=False)
    run = run_in(
        dataset=str(tmp_path / "bad.tsv"), codec=["codec2@3200"], metrics=["stoi"], condition=["concat@60", "noise@10"],
        max_failed=0.9,
    )  # fmt: skip
    status = run.scores.set_index(["system", "utterance"]).status
    for condition in ("concat@60", "noise@10"):
        found = status[f"codec2@3200+{condition}"]
        assert set(found[table.id]) == {"ok"}
        assert found[names].tolist() == ["unreadable", "not_finite", "silent"]


def test_a_noise_file_that_changes_is_noticed(tmp_path: Path):
    write(tmp_path / "hum.wav", np.sin(np.arange(16_000) / 20), 16_000)
    (condition,) = parse_conditions(["noise@10"], noise_dir=tmp_path)
    assert isinstance(condition, Alteration)
    write(tmp_path / "hum.wav", np.sin(np.arange(16_000) / 21), 16_000)
    with pytest.raises(NotScorable, match="changed during the run"):
        condition.altered(QUIET, "one")
    (other,) = parse_conditions(["noise@10"], noise_dir=tmp_path)
    assert other.fingerprint != condition.fingerprint


# --- plug-ins -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Users(Condition):
    """What a condition of a user inherits: this module is no part of codec-bench."""

    name, takes, low, high, default = "users", "x", 0.0, 10.0, 1.0
    value: float = 1.0

    @property
    def note(self) -> str:
        return "nothing"


class Alters(Alteration, Users):
    def _changed(self, recording: Audio, identity: str) -> Any:
        return recording.samples / 2


def raises(*_: Any) -> Any:
    raise KeyError("users")


def of_user(base: type[Users], **members: Any) -> Condition:
    """A condition that differs in some of its members."""
    return type("Odd", (base,), {"__module__": __name__, **members})()


ITEM = Item(Utterance("u", DEMO / "audio" / "slt-01.flac"), file_digest(DEMO / "audio" / "slt-01.flac"))


@pytest.mark.parametrize("member", ["address", "pieces", "assembled", "share", "_changed"])
def test_what_a_plug_in_raises_costs_the_row_with_the_line(tmp_path: Path, member: str):
    line = raises.__code__.co_firstlineno + 1
    members = {"address": lambda self, item: address(users=item.digest), member: raises}
    row = Row(parse_systems(["gsm"])[0], of_user(Alters if member == "_changed" else Users, **members))
    dispatcher = Dispatcher(tmp_path, LocalCoders(tmp_path, "cpu"))
    try:
        failed = problems(dispatcher, row, [ITEM])
        if failed:
            outcome = failed["u"]
        else:
            with pytest.raises(NotScorable) as caught:
                dispatcher.reconstructor.facts(row, ITEM)
            outcome = caught.value
    finally:
        dispatcher.close()
    assert outcome.reason == f"users@1: KeyError: 'users' (test_conditions.py:{line})"
    assert outcome.status is Status.ENCODE_FAILED
    assert "Traceback" in outcome.trace


@pytest.mark.parametrize(
    ("member", "answer", "said"),
    [
        ("pieces", None, "TypeError: 'NoneType' object is not iterable"),
        ("pieces", ["a"], r"`pieces` returned \['a'\], not one `Piece` or more"),
        ("address", 7, "`address` returned 7, not str"),
    ],
)
def test_answers_of_a_wrong_type_cost_the_row(tmp_path: Path, member: str, answer: Any, said: str):
    def answered(*_: Any) -> Any:
        return answer

    answered.__name__ = member
    row = Row(parse_systems(["gsm"])[0], of_user(Users, **{member: answered}))
    with pytest.raises(NotScorable, match=said):
        Reconstructor(tmp_path).lacking(row, ITEM)


@pytest.mark.parametrize("member", ["note", "bound", "label", "__init__"])
def test_what_fails_for_all_utterances_is_one_line(monkeypatch: pytest.MonkeyPatch, member: str):
    made = property(raises) if member in ("note", "label") else raises
    monkeypatch.setattr(f"{__name__}.Odd", type("Odd", (Users,), {"__module__": __name__, member: made}), raising=False)
    line = raises.__code__.co_firstlineno + 1
    said = rf"condition {__name__}:Odd cannot be used: KeyError: 'users' \(test_conditions.py:{line}\)"
    with pytest.raises(UsageError, match=said):
        bound(parse_conditions([f"{__name__}:Odd"])[0], [ITEM])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda x: (x * 32767).astype(np.int16), r"it makes int16, not floats in \[-1, 1\]: divide by 32768"),
        (lambda x: x > 0, "it makes bool"),
        (lambda x: x.astype(complex), "it makes complex128"),
        (lambda x: x[:-1], "it makes "),
        (lambda x: 0 * x, "users@1 leaves nothing of the recording but silence"),
        (lambda x: ctypes.memset(x.ctypes.data, 0, x.nbytes) and x + 1, "`_changed` wrote into its input"),
    ],
)
def test_altered_samples_are_floats_of_the_same_length_that_sound(changed: Callable[..., Any], said: str):
    condition = of_user(Alters, _changed=lambda self, recording, identity: changed(recording.samples))
    assert isinstance(condition, Alteration)
    heard = Audio(QUIET.samples.copy(), QUIET.rate)
    with pytest.raises((TypeError, ValueError, NotScorable), match=said):
        condition.altered(heard, "one")
    assert np.array_equal(heard.samples, QUIET.samples)


def test_torch_does_not_warn_of_read_only_samples(recwarn: pytest.WarningsRecorder):
    torch = pytest.importorskip("torch")
    halved = of_user(Alters, _changed=lambda self, heard, identity: (torch.from_numpy(heard.samples) / 2).numpy())
    assert isinstance(halved, Alteration)
    assert np.array_equal(halved.altered(QUIET, "one").audio.samples, QUIET.samples / 2)
    assert not [w for w in recwarn if "not writable" in str(w.message)]


def test_what_pieces_write_into_a_recording_is_theirs_alone(tmp_path: Path):
    def pieces(self: Condition, item: Item, read: Callable[[Item], Audio]) -> list[Piece]:
        heard = read(item)
        heard.samples[:] = 0
        return [Piece("a" * 64, lambda: heard)]

    made = Reconstructor(tmp_path)
    (gsm,) = parse_systems(["gsm"])
    (piece,) = made.lacking(Row(gsm, of_user(Users, pieces=pieces)), ITEM)
    assert not piece.audio().samples.any()
    (other,) = made.lacking(Row(gsm), ITEM)
    assert np.array_equal(other.audio().samples, SPEECH.samples)


def test_what_a_plug_in_assembles_is_what_is_scored(tmp_path: Path):
    row = Row(
        parse_systems(["gsm"])[0],
        of_user(Users, assembled=lambda self, item, decoded: Audio(decoded[0].samples / 2, decoded[0].rate)),
    )
    plain = Row(row.system)
    dispatcher = Dispatcher(tmp_path, LocalCoders(tmp_path, "cpu"))
    try:
        assert problems(dispatcher, row, [ITEM]) == {} == problems(dispatcher, plain, [ITEM])
        halved, whole = (dispatcher.reconstructor.audio(r, ITEM).samples for r in (row, plain))
    finally:
        dispatcher.close()
    assert whole.any()
    assert np.array_equal(halved, whole / 2)
