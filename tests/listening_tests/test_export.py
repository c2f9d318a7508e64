"""What an export writes, measured on the files."""

from __future__ import annotations

import re
import shlex
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from typer.testing import CliRunner

from codec_bench.audio import Audio, fit, read_audio, resample
from codec_bench.cli import app
from codec_bench.errors import UsageError
from codec_bench.files import file_digest
from codec_bench.listening_tests.anchors import low_pass
from codec_bench.listening_tests.config import AbxTest, Mushra1sTest, MushraTest
from codec_bench.listening_tests.export import Exported, export
from codec_bench.listening_tests.importing import import_results
from codec_bench.listening_tests.key import Key
from codec_bench.listening_tests.levels import loudness
from codec_bench.runs.directory import Run, slug
from codec_bench.runs.writer import write_info

from .conftest import SYSTEMS, mushra_csv

pytestmark = pytest.mark.long


def mushra(run: Path, out: Path, **options: Any) -> Exported:
    return export(MushraTest(run=run, out=out, **options))


@pytest.fixture(scope="module")
def exported(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    out = tmp_path_factory.mktemp("mushra") / "test"
    return mushra(finished, out, items=5, training=1, anchors=["3.5k", "7k"])


def out_of(exported: Exported) -> Path:
    return exported.configuration.parents[2]


def audio_folder(exported: Exported) -> Path:
    return exported.configuration.parent / "resources" / exported.key.test_id


def stimuli(exported: Exported):
    for trial in exported.key.trials:
        for stimulus in (trial.reference, *trial.stimuli):
            yield trial, stimulus, audio_folder(exported) / f"{stimulus.name}.wav"


def test_every_file_is_what_the_key_says(exported: Exported, finished: Path):
    """Undoing the gain gives back the system's audio of that utterance, or the filtered recording, and no other."""
    checked = 0
    edges = {"anchor-3.5k": 3500, "anchor-7k": 7000}
    for trial, stimulus, path in stimuli(exported):
        samples, rate = soundfile.read(path, dtype="float64")
        assert file_digest(path) == stimulus.sha256
        label = trial.reference.system if stimulus.role == "anchor" else stimulus.system
        kept = resample(read_audio(finished / "audio" / slug(label) / f"{trial.utterance}.wav"), rate)
        made = low_pass(kept, edges[stimulus.system]) if stimulus.role == "anchor" else kept
        expected = fit(made.samples, len(samples))
        error = np.abs(samples - expected * 10 ** (stimulus.gain_db / 20)).max()
        assert error < 2 / 32768, (trial.id, stimulus)
        checked += 1
    assert checked == 6 * (1 + len(SYSTEMS) + len(edges))


def test_files_of_a_page_have_one_rate_and_length_and_are_equally_loud(exported: Exported):
    for trial in exported.key.trials:
        infos, levels = [], []
        for stimulus in (trial.reference, *trial.stimuli):
            path = audio_folder(exported) / f"{stimulus.name}.wav"
            infos.append(soundfile.info(path))
            audio = read_audio(path)
            levels.append(loudness(audio, stimulus.system))
            assert audio.peak <= 10 ** (-1 / 20) + 1 / 32768
        assert {(i.samplerate, i.frames, i.channels, i.subtype) for i in infos} == {
            (trial.rate, round(trial.seconds * trial.rate), 1, "PCM_16")
        }
        assert max(levels) - min(levels) < 0.1


def test_nothing_that_listeners_get_names_a_system_or_an_utterance(exported: Exported):
    folder = out_of(exported) / "webmushra"
    text = exported.configuration.read_text() + " ".join(str(p.relative_to(folder)) for p in folder.rglob("*"))
    text = re.sub(r"(?m)^.*(createAnchor|listener).*$", "", text)
    for word in [*SYSTEMS, "codec2", "opus", "anchor", "rms", "slt", "ground-truth"]:
        assert word not in text
    assert sorted(p.name for p in out_of(exported).iterdir()) == ["key.json", "webmushra"]  # not where the server looks
    names = [s.name for _, s, _ in stimuli(exported)]
    assert len(set(names)) == len(names) == len(list(audio_folder(exported).iterdir()))
    # Neither is the place on the page a hint.
    places = {tuple(s.system for s in trial.stimuli) for trial in exported.key.trials}
    assert len(places) > 1


def test_the_configuration_has_the_pages_of_webmushra(exported: Exported):
    text = exported.configuration.read_text()
    found = yaml.safe_load(text)
    assert found["testId"] == exported.key.test_id
    assert found["remoteService"] == "service/write.php"
    kinds = [page[0] if isinstance(page, list) else page["type"] for page in found["pages"]]
    assert kinds == ["generic", "volume", "generic", "mushra", "generic", "random", "finish"]
    pages = [page for page in found["pages"][5] if isinstance(page, dict)]
    assert len(pages) == 5
    for page, trial in zip(pages, exported.key.trials[1:], strict=True):
        assert page["id"] == trial.id
        assert list(page["stimuli"]) == [s.name for s in trial.stimuli]
        assert (page["createAnchor35"], page["createAnchor70"], page["showConditionNames"]) == (False, False, False)
        for path in [page["reference"], *page["stimuli"].values()]:
            assert (exported.configuration.parent.parent / path).is_file()
    # Its YAML reader does not know a list that begins on the line of another list's dash.
    assert "- - " not in text
    assert re.search(r"^  -\n    - random\n    - type: mushra$", text, re.MULTILINE)


def test_items_are_balanced_over_speakers_and_follow_the_seed(finished: Path, tmp_path: Path):
    first, again, other = (mushra(finished, tmp_path / str(i), items=7, seed=i // 2) for i in range(3))
    assert first.key == again.key == Key.load(tmp_path / "0" / "key.json")
    assert first.candidates == 24
    counts = Counter(trial.speaker for trial in first.key.trials)
    assert len(counts) == 5
    assert max(counts.values()) - min(counts.values()) <= 1
    assert {t.utterance for t in first.key.trials} != {t.utterance for t in other.key.trials}
    assert not {s.name for _, s, _ in stimuli(first)} & {s.name for _, s, _ in stimuli(other)}


def test_abx_pairs_of_systems_are_balanced(finished: Path, tmp_path: Path):
    key = export(AbxTest(run=finished, out=tmp_path / "abx", items=4, pairs="systems", repeats=2)).key
    assert len(key.trials) == 4 * 3 * 2
    for pair in ({"codec2@3200", "opus@6000"}, {"opus@6000", "opus@16000"}, {"codec2@3200", "opus@16000"}):
        own = [t for t in key.trials if {t.reference.system, t.stimuli[0].system} == pair]
        assert len(own) == 8
        assert sorted(Counter(t.reference.system for t in own).values()) == [4, 4]
        assert set(Counter(t.utterance for t in own).values()) == {2}


def test_abx_against_the_recording_uses_pages_of_paired_comparison(finished: Path, tmp_path: Path):
    made = export(AbxTest(run=finished, out=tmp_path / "abx", items=2, systems=["opus@6000"], bits=24))
    assert {t.reference.system for t in made.key.trials} == {"ground-truth"}
    pages = yaml.safe_load(made.configuration.read_text())["pages"][2][1:]
    assert [(p["type"], len(p["stimuli"]), "unforced" in p) for p in pages] == [("paired_comparison", 1, False)] * 2
    assert {soundfile.info(path).subtype for _, _, path in stimuli(made)} == {"PCM_24"}


def test_audio_at_another_rate_or_length_becomes_that_of_the_reference(run: Run, tmp_path: Path):
    path = run.path / "audio" / "opus@6000" / "rms-01.wav"
    audio = resample(read_audio(path), 24_000)
    soundfile.write(path, audio.samples[:-3000], 24_000)
    made = mushra(run.path, tmp_path / "test", items=24, systems=["opus@6000"])
    trial = next(t for t in made.key.trials if t.utterance == "rms-01")
    stimulus = next(s for s in trial.stimuli if s.system == "opus@6000")
    samples, rate = soundfile.read(audio_folder(made) / f"{stimulus.name}.wav")
    assert (rate, len(samples)) == (16_000, round(trial.seconds * 16_000))
    assert not samples[-1900:].any()
    assert samples[-6000:-2100].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"systems": ["opus@600"]}, "unknown system 'opus@600'; did you mean 'opus@6000'"),
        ({"systems": ["ground-truth"]}, "'ground-truth' is the reference"),
        ({"items": 25}, "24 utterances of .* 25 are needed: change --items"),
        ({"min_seconds": 3.5, "max_seconds": 3.6, "items": 24}, "last 3.5 to 3.6 s"),
        ({"anchors": ["5k"]}, "unknown anchor '5k'; known: 3.5k, 7k"),
    ],
)
def test_what_cannot_be_exported_says_what_to_change(
    finished: Path, tmp_path: Path, options: dict[str, Any], message: str
):
    with pytest.raises(UsageError, match=message):
        mushra(finished, tmp_path / "test", **options)
    assert not (tmp_path / "test").exists()


def test_a_page_has_neither_too_many_systems_nor_no_reference(run: Run, tmp_path: Path):
    systems = run.info["plan"]["systems"]
    extra = [systems[1] | {"label": f"more@{n}"} for n in range(8)]
    coded = [system for system in systems if system["group"] != "reference"]
    for changed, message in (
        ([*systems, *extra], "11 systems are too many for one page, 10 fit: choose with --systems"),
        (coded, "without --no-ground-truth"),
    ):
        write_info(run.path, {**run.info, "plan": run.info["plan"] | {"systems": changed}})
        with pytest.raises(UsageError, match=message):
            mushra(run.path, tmp_path / "test")


def test_without_kept_audio_the_message_has_the_command_that_keeps_it(
    run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CODEC_BENCH_HOME", str(home))
    shutil.rmtree(run.path / "audio")
    with pytest.raises(UsageError, match="has no audio of ground-truth, codec2@3200"):
        mushra(run.path, tmp_path / "test")
    said = CliRunner().invoke(app, ["export", "mushra", str(run.path), "--out", str(tmp_path / "test")]).exception
    words = shlex.split(str(said).partition("with --keep-audio: ")[2])
    assert words[:2] == ["codec-bench", "run"]
    assert "--keep-audio" in words
    # The command is right: it continues this run, and then there is audio.
    done = CliRunner().invoke(app, words[1:])
    assert done.exit_code == 0, done.output
    assert mushra(run.path, tmp_path / "test", items=2).key.trials


def test_a_folder_in_use_is_left_alone(exported: Exported, finished: Path):
    before = (out_of(exported) / "key.json").read_bytes()
    with pytest.raises(UsageError, match="already exists: choose another --out"):
        mushra(finished, out_of(exported), seed=5)
    assert (out_of(exported) / "key.json").read_bytes() == before


def test_silent_output_is_named(run: Run, tmp_path: Path):
    for path in (run.path / "audio" / "opus@6000").iterdir():
        audio = read_audio(path)
        soundfile.write(path, Audio(np.zeros_like(audio.samples), audio.rate).samples, audio.rate)
    with pytest.raises(UsageError, match="of opus@6000 is silent"):
        mushra(run.path, tmp_path / "test", items=2)


def test_mushra_1s_has_a_page_for_each_system_and_its_results_are_those_of_systems(run: Run, tmp_path: Path):
    exported = export(Mushra1sTest(run=run.path, out=tmp_path / "test", items=3, anchors=["3.5k"]))
    pages = [{s.system for s in trial.stimuli} for trial in exported.key.trials]
    assert sorted(map(sorted, pages)) == sorted([["anchor-3.5k", system] for system in SYSTEMS] * 3)
    assert len({s.name for t in exported.key.trials for s in (t.reference, *t.stimuli)}) == 3 * 9  # no file is shared
    scores = {"codec2@3200": 30.0, "opus@6000": 50.0, "opus@16000": 80.0, "anchor-3.5k": 40.0}
    sent = mushra_csv(tmp_path / "mushra.csv", exported.key, ["ann", "bob"], lambda _, __, s: scores.get(s, 100.0))
    found = import_results(run, sent, exported.key)
    means = {line["system"]: (line["mean"], line["ratings"]) for line in found.rows}
    assert means == {
        "ground-truth": ("100.0", "6"), **{s: (f"{scores[s]:.1f}", "6") for s in [*SYSTEMS, "anchor-3.5k"]}
    }  # fmt: skip
