"""Augmentation: what is drawn for each recording, and what training makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from codec_bench.adapters.systems import parse_systems
from codec_bench.audio import Audio
from codec_bench.cache import ArrayCache
from codec_bench.coding.conditions import Condition
from codec_bench.coding.items import Item
from codec_bench.coding.local import local_dispatcher
from codec_bench.coding.rows import Row
from codec_bench.errors import UsageError
from codec_bench.files import digest, file_digest
from codec_bench.probes.augmentation import AnyNoise, AnySpeed, masks, variants_of
from codec_bench.probes.config import ProbeConfig
from codec_bench.probes.frames import Frames
from codec_bench.probes.heads import NumberVectors, Probe
from codec_bench.probes.inputs import LogMel, all_sources
from codec_bench.probes.problem import Problem, Training
from codec_bench.probes.recipes import AUGMENTED, KINDS, RECIPES, Augmentation, Recipe, augmented
from codec_bench.probes.run import probe
from codec_bench.probes.training import Trainer
from codec_bench.probes.worker import make_deterministic
from codec_bench.records import Utterance

IDS = [digest(str(k).encode()) for k in range(40)]


def speech(seconds: float = 1.0, rate: int = 16_000) -> Audio:
    time = np.arange(round(seconds * rate)) / rate
    samples = sum(np.sin(2 * np.pi * hertz * time) for hertz in (200, 710, 1900)) * 0.1 * np.sin(np.pi * time) ** 2
    return Audio(samples.astype(np.float32), rate)


def test_a_recipe_without_augmentation_says_nothing_of_it():
    assert "augmentation" not in RECIPES["sid"].described()
    kinds = {task: augmented(recipe, ["recipe"]).augmentation for task, recipe in RECIPES.items()}
    assert {task: set(how.kinds) for task, how in kinds.items() if how} == {t: set(k) for t, k in AUGMENTED.items()}
    varied = augmented(RECIPES["sid"], ["mask", "noise"])
    assert varied.fingerprint not in {RECIPES["sid"].fingerprint, augmented(RECIPES["sid"], ["mask"]).fingerprint}


@pytest.mark.parametrize(
    ("task", "given", "kinds"),
    [("sid", True, ("mask", "noise", "reverb")), ("sid", "speed,mask", ("mask", "speed")), ("sed", False, None)],
)
def test_the_switch_stands_for_what_suits_the_task(task: str, given: object, kinds: tuple[str, ...] | None):
    (recipe,) = ProbeConfig(codec="codec2@1200", task=task, augmentation=given).recipes
    assert (recipe.augmentation and recipe.augmentation.kinds) == kinds


@pytest.mark.parametrize(
    ("task", "kind", "said"), [("sid", "masks", "did you mean 'mask'"), ("asr", "mix", "no target of asr")]
)
def test_kinds_that_cannot_be(task: str, kind: str, said: str):
    with pytest.raises(UsageError, match=said):
        augmented(RECIPES[task], [kind])


def test_folders_are_for_kinds_that_are_asked_for(tmp_path: Path):
    with pytest.raises(UsageError, match="--noise-dir was given"):
        variants_of([augmented(RECIPES["asr"], ["recipe"])], 0, noise_dir=tmp_path)
    assert variants_of([RECIPES["asr"]], 0) == {}


@pytest.mark.long
def test_speed_is_that_of_speechbrain():
    perturb = pytest.importorskip("speechbrain.augment.time_domain").SpeedPerturb
    recording = speech()
    for factor in (0.95, 1.05):
        found = AnySpeed(factors=(factor,)).played(recording, IDS[0]).samples
        wanted = perturb(16_000, [round(100 * factor)])(torch.from_numpy(recording.samples)[None])[0].numpy()
        assert abs(len(found) - len(wanted)) <= 1
        found, wanted = found[:15_000], wanted[:15_000]
        assert 20 * np.log10(np.std(wanted) / np.std(found - wanted)) > 50


def test_draws_are_even_and_depend_on_recording_and_seed_alone():
    condition = AnyNoise(seed=0, ends=(0.0, 15.0))
    recording = speech(0.2)

    def ratio(identity: str, made: AnyNoise = condition) -> float:
        noise = made.altered(recording, identity).audio.samples.astype(float) - recording.samples
        return float(10 * np.log10(np.mean(recording.samples.astype(float) ** 2) / np.mean(noise**2)))

    found = [ratio(identity) for identity in IDS]
    assert min(found) > -0.01 and max(found) < 15.01
    assert abs(np.mean(found) - 7.5) < 3 * 15 / np.sqrt(12 * len(IDS)) and np.std(found) > 3
    assert ratio(IDS[3]) == found[3] != ratio(IDS[3], replace(condition, seed=1))
    speeds = [len(AnySpeed(factors=(0.95, 1.05)).played(recording, identity)) for identity in IDS]
    assert 10 < sum(length > len(recording) for length in speeds) < 30
    recipes = [augmented(RECIPES["sed"], ["recipe"])]
    prints = {c.fingerprint for seed in (0, 1) for c in variants_of(recipes, seed).values()}
    assert len(prints) == 6


def test_masks_are_stretches_of_frames_and_of_dimensions():
    how = Augmentation(("mask",))
    lengths = [100, 3, 60, 20]
    keep = masks(how, lengths, 64, 50.0, np.random.default_rng(0))
    assert keep.shape == (183, 64) and set(np.unique(keep)) == {0.0, 1.0}
    for part in np.split(keep, np.cumsum(lengths)[:-1]):
        rows, columns = (part == 0).all(axis=1), (part == 0).all(axis=0)
        np.testing.assert_array_equal(part == 0, rows[:, None] | columns[None])  # nothing else is masked
        if len(part) > 3:
            assert min(3, len(part) // 10) <= rows.sum() <= 5 * min(6, len(part) // 10) and 3 <= columns.sum() <= 3 * 3


def test_mixed_frames_have_mixed_vectors():
    torch.manual_seed(0)
    recipe = replace(RECIPES["sed"], width=8, dropout=0.0)
    one, other = torch.randn(30, 5), torch.randn(30, 5)
    model = Probe(recipe, NumberVectors(torch.zeros(5), torch.ones(5), 8), 50.0, 3).eval()
    together = model(one, [10, 20], None, (other, 0.7))
    torch.testing.assert_close(together, model(0.7 * one + 0.3 * other, [10, 20]))  # the first layer is linear


def varied_problem(cache: Path, recipe: Recipe) -> Problem:
    """Two classes whose recordings to train on tell nothing; their variants do, and so do those that are tested."""
    random = np.random.default_rng(0)
    frames, variants, targets = {}, {}, {}

    def kept(name: str, values: np.ndarray) -> str:
        ArrayCache(cache / "frames").put(found := digest(name.encode()), Frames(values, 50.0, (8,)).to_arrays())
        return found

    for k in range(60):
        name, target = f"u{k:02d}", k % 2
        telling = 4 * target + random.integers(0, 4, (25 + k % 7, 1))
        frames[name] = kept(name, telling if k >= 40 else random.integers(0, 8, telling.shape))
        if k < 40:
            variants[name] = (kept(f"{name} varied", telling),)
        targets[name] = "ab"[target]
    ids = sorted(frames)
    parts = (tuple(ids[:40]), tuple(ids[40:50]), tuple(ids[50:]))
    return Problem(recipe, frames, targets, ("a", "b"), False, *parts, variants=variants)


@pytest.mark.long
def test_variants_are_trained_on(tmp_path: Path):
    make_deterministic("cpu")
    recipe = replace(augmented(RECIPES["er"], ["mask", "mix", "noise"]), epochs=10, learning_rates=(1e-2,))
    made = varied_problem(tmp_path, recipe)
    trainings = [Training(made, 1e-2, 0), Training(replace(made, variants={}), 1e-2, 0)]
    results = [Trainer(training, tmp_path).train() for training in trainings]
    hits = [np.mean([r["test"][n]["answer"] == made.targets[n] for n in made.test]) for r in results]
    assert hits[0] == 1.0 and hits[1] < 1.0
    again = Trainer(trainings[0], tmp_path).train()
    assert again["curve"] == results[0]["curve"] and again["dev_loss"] == results[0]["dev_loss"]
    assert len({training.address for training in trainings}) == 2


def test_kinds_have_conditions_that_can_be_described():
    made = variants_of([augmented(RECIPES["sed"], KINDS)], 3)
    assert list(made) == ["speed", "noise", "reverb"]
    for condition in made.values():
        assert isinstance(condition, Condition) and condition.note
        assert json.loads(json.dumps(condition.describe()))["fingerprint"] == condition.fingerprint


@pytest.mark.slow
def test_a_run_with_augmentation_is_equal_with_one_and_two_workers(tmp_path: Path):
    random = np.random.default_rng(0)
    lines = ["id\tpath\tspeaker\tlabel"]
    for k in range(24):
        samples = 0.1 * np.sin((300, 900)[k % 2] * np.arange(4000) / 8000) + 0.01 * random.standard_normal(4000)
        soundfile.write(tmp_path / f"u{k}.wav", samples, 8000)
        lines.append(f"u{k}\tu{k}.wav\tspk{k % 4}\t{('low', 'high')[k % 2]}")
    (tmp_path / "words.tsv").write_text("\n".join(lines) + "\n")
    made = {}
    for jobs in (1, 2):
        (run,) = probe(
            ProbeConfig(codec="codec2@1200", task="digits", dataset=str(tmp_path / "words.tsv"), seeds=1, jobs=jobs,
                        augmentation=True, device="cpu", no_cache=True, out=tmp_path / f"run{jobs}")
        ).runs  # fmt: skip
        made[jobs] = run
    assert made[1].summary.equals(made[2].summary)
    info = json.loads((tmp_path / "run1" / "run.json").read_text())
    assert [entry["name"] for entry in info["plan"]["variants"]] == ["any-noise", "any-room"]
    assert info["plan"]["tasks"][0]["recipe"]["augmentation"]["kinds"] == ["mask", "noise", "reverb"]
    assert (
        "augmentation version 1 of the training part (mask, noise, reverb)"
        in made[1].metrics["accuracy[digits]"]["note"]
    )
    assert any("0 to 15 dB SNR" in note for note in info["notes"])


@pytest.mark.long
def test_variants_of_a_recording_are_coded_as_they_are_heard(tmp_path: Path):
    recording = speech(1.0, 8000)
    soundfile.write(tmp_path / "u.wav", recording.samples, 8000, subtype="FLOAT")
    item = Item(Utterance("u", tmp_path / "u.wav"), file_digest(tmp_path / "u.wav"))
    condition = AnySpeed(factors=(0.5,))
    coding = local_dispatcher(tmp_path / "cache", "cpu")
    (system,) = parse_systems(["codec2@3200"], needs_audio=False)
    plain, varied = (
        all_sources([Row(system, **given)], "tokens", "", coding, 0) for given in ({}, {"condition": condition})
    )
    assert plain[0].fingerprint == LogMel().fingerprint
    for one, other in zip(plain, varied, strict=True):
        assert one.label.partition("+")[0] == other.label.partition("+")[0]
        assert one.address(item) != other.address(item)
        assert len(other.frames(item).values) == pytest.approx(2 * len(one.frames(item).values), abs=1)
    np.testing.assert_array_equal(
        varied[0].frames(item).values, LogMel.spectrogram(condition.played(recording, item.digest))
    )
    coding.close()
