"""One training: what can be learned is, what cannot is not, and the same seed gives the same numbers."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import jiwer
import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from codec_bench.cache import ArrayCache
from codec_bench.errors import CodecBenchError, UnavailableError
from codec_bench.fingerprint import address
from codec_bench.probes import recipes, training
from codec_bench.probes.frames import Frames
from codec_bench.probes.problem import Problem, Training, training_of
from codec_bench.probes.recipes import RECIPES, Recipe, recipe_of
from codec_bench.probes.training import Trainer, edits
from codec_bench.probes.worker import carry_out, make_deterministic, read_result, result_file


@pytest.fixture(autouse=True)
def _determinism():
    threads = torch.get_num_threads()
    make_deterministic("cpu")
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def problem(
    cache: Path, recipe: Recipe, *, shuffled: bool = False, multi: bool = False, numbers: bool = False
) -> Problem:
    """Three classes; each prefers another third of the 12 entries of both codebooks."""
    generator = np.random.default_rng(0)
    names = [f"u{k:03d}" for k in range(120)]
    frames, targets = {}, {}
    for k, name in enumerate(names):
        label = k % 3
        length = int(generator.integers(20, 40))
        values = np.where(
            generator.random((length, 2)) < 0.5, 4 * label + generator.integers(0, 4, (length, 2)),
            generator.integers(0, 12, (length, 2)),
        )  # fmt: skip
        made = Frames(values.astype(np.int64), 50.0, (12, 12))
        if numbers:
            made = Frames(np.eye(12, dtype=np.float32)[values[:, 0]], 50.0)
        frames[name] = f"{k:064d}"
        ArrayCache(cache / "frames").put(frames[name], made.to_arrays())
        targets[name] = "class0;class1" if multi and label == 2 else f"class{label}"
    if shuffled:
        order = generator.permutation(len(names))
        targets = {name: targets[names[i]] for name, i in zip(names, order, strict=True)}
    symbols = ("class0", "class1") if multi else ("class0", "class1", "class2")
    return Problem(recipe, frames, targets, symbols, multi, tuple(names[:60]), tuple(names[60:80]), tuple(names[80:]))


def accuracy(result: dict, made: Problem) -> float:
    return float(np.mean([result["test"][n]["answer"] == made.targets[n] for n in made.test]))


@pytest.mark.long
@pytest.mark.parametrize("task, head, numbers", [
    ("er", "mlp", False), ("er", "linear", False), ("er", "linear", True), ("sid", "asp", False),
    ("sid", "ecapa", False), ("sed", "attention", False),
])  # fmt: skip
def test_separable_classes_are_learned(tmp_path: Path, task: str, head: str, numbers: bool):
    made = problem(tmp_path, replace(recipe_of(task, head), epochs=12), numbers=numbers)
    result = carry_out(Training(made, 1e-2, 0), tmp_path)
    assert accuracy(result, made) >= 0.95
    assert set(result["test"]) == set(made.test)
    assert result["dev"] == max(result["curve"]) == result["curve"][result["best_epoch"] - 1]


@pytest.mark.parametrize("size", [1, 6])
def test_ecapa_takes_short_recordings_and_a_last_batch_of_one(tmp_path: Path, size: int):
    made = problem(tmp_path, replace(recipe_of("sid", "ecapa"), batch=59, epochs=1))
    cache, frames = ArrayCache(tmp_path / "frames"), dict(made.frames)
    for name in (made.train[0], made.dev[0], made.test[0]):
        key = address(short=name)
        cache.put(key, Frames(np.zeros((size, 2), np.int64), 50.0, (12, 12)).to_arrays())
        frames[name] = key
    made = replace(made, frames=frames)
    assert set(carry_out(Training(made, 1e-2, 0), tmp_path)["test"]) == set(made.test)


def test_ecapa_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recipes, "cannot_import", lambda modules, extra: f"{modules[0]} is not installed: {extra}")
    with pytest.raises(UnavailableError, match="--head ecapa: speechbrain is not installed"):
        recipe_of("sid", "ecapa")


def test_shuffled_labels_are_at_chance(tmp_path: Path):
    made = problem(tmp_path, replace(RECIPES["er"], epochs=8), shuffled=True)
    found = [accuracy(carry_out(Training(made, 1e-2, seed), tmp_path), made) for seed in range(3)]
    assert 0.15 < np.mean(found) < 0.52  # 1/3; two standard deviations of 40 utterances are 0.15


def test_several_labels_give_a_score_for_each(tmp_path: Path):
    made = problem(tmp_path, RECIPES["sed"], multi=True)
    result = carry_out(Training(made, 1e-2, 0), tmp_path)
    scores = np.array([result["test"][n]["scores"] for n in made.test])
    truth = np.array([[symbol in made.targets[n] for symbol in made.symbols] for n in made.test])
    assert average_precision_score(truth, scores, average="macro") > 0.95
    assert result["dev"] > 0.95


def test_the_same_seed_gives_the_same_numbers(tmp_path: Path):
    made = problem(tmp_path, replace(RECIPES["sid"], epochs=4))
    first, second, other = (Trainer(Training(made, 1e-2, seed), tmp_path).train() for seed in (0, 0, 1))
    assert without_seconds(first) == without_seconds(second)
    assert first["dev_loss"] != other["dev_loss"]


def without_seconds(result: dict) -> str:
    return json.dumps({k: v for k, v in result.items() if k != "seconds"}, sort_keys=True)


@pytest.mark.long
@pytest.mark.parametrize("task", ["er", "asr"])
def test_a_training_goes_on_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str):
    made = problem(tmp_path, replace(RECIPES["er"], epochs=5, patience=5))
    if task == "asr":
        recipe = replace(RECIPES["asr"], epochs=5, patience=5)
        made = replace(made, recipe=recipe, targets=dict.fromkeys(made.targets, "a\nb\n \nb"), symbols=(" ", "a", "b"))
    job = Training(made, 1e-2, 0)
    whole = Trainer(job, tmp_path).train()
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    stopped = Trainer(job, tmp_path)
    epoch = stopped._epoch

    def until_third(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt
        epoch(number)

    monkeypatch.setattr(stopped, "_epoch", until_third)
    with pytest.raises(KeyboardInterrupt):
        stopped.train()
    assert stopped._checkpoint.is_file()
    resumed = Trainer(job, tmp_path)
    done: list[int] = []
    again = resumed._epoch
    monkeypatch.setattr(resumed, "_epoch", lambda number: (done.append(number), again(number))[1])
    assert without_seconds(resumed.train()) == without_seconds(whole)
    assert done == [3, 4]
    assert not resumed._checkpoint.exists()


def test_a_training_with_a_damaged_checkpoint_begins_again(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    job = Training(problem(tmp_path, replace(RECIPES["er"], epochs=2)), 1e-2, 0)
    whole = Trainer(job, tmp_path).train()
    trainer = Trainer(job, tmp_path)
    trainer._save(training.TrainingProgress(trainer.probe.state_dict(), epoch=1))
    data = bytearray(trainer._checkpoint.read_bytes())
    data[len(data) // 2] ^= 1
    for damaged in (bytes(data), data[:1000], b""):
        trainer._checkpoint.write_bytes(damaged)
        assert Trainer(job, tmp_path)._resumed() is None
        assert not trainer._checkpoint.exists()
    trainer._checkpoint.write_bytes(data)
    assert without_seconds(Trainer(job, tmp_path).train()) == without_seconds(whole)
    assert "is damaged: the training begins again" in caplog.text


def test_a_result_is_kept_and_a_damaged_one_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    job = Training(problem(tmp_path, replace(RECIPES["er"], epochs=2)), 1e-2, 0)
    first = carry_out(job, tmp_path)
    assert carry_out(job, tmp_path) == first  # the seconds, too: it was read
    assert caplog.text == ""
    result_file(tmp_path, job.address).write_text('{"dev": ')
    assert without_seconds(carry_out(job, tmp_path)) == without_seconds(first)
    assert "is damaged" in caplog.text
    answers = [
        {},
        *(first["test"] | other for other in ({"u080": {"answer": "class9"}}, {"u080": {}}, {"another": {}})),
    ]
    damaged = [{"rank": [1.0]}, {"dev": "high"}, {"epochs": None}, *({"test": said} for said in answers)]
    for content in ([], None, "text", {}, *(first | wrong for wrong in damaged)):
        result_file(tmp_path, job.address).write_text(json.dumps(content))
        assert read_result(tmp_path, job) is None
        assert not result_file(tmp_path, job.address).exists()
    os.mkfifo(result_file(tmp_path, job.address))
    assert read_result(tmp_path, job) is None


def test_the_address_knows_what_decides_the_result(tmp_path: Path):
    made = problem(tmp_path, RECIPES["er"])
    job = Training(made, 1e-2, 0)
    others = [
        Training(made, 1e-3, 0), Training(made, 1e-2, 1), Training(made, 1e-2, 0, "cuda"),
        Training(replace(made, recipe=replace(made.recipe, dropout=0.0)), 1e-2, 0),
        Training(replace(made, train=made.train[1:]), 1e-2, 0),
        Training(replace(made, targets={**made.targets, "u000": "class1"}), 1e-2, 0),
        Training(replace(made, frames={**made.frames, "u000": "f" * 64}), 1e-2, 0),
    ]  # fmt: skip
    assert len({job.address, *(other.address for other in others)}) == 8
    assert training_of(json.loads(json.dumps(asdict(job)))) == job


@pytest.mark.slow
def test_texts_are_read_from_tokens(tmp_path: Path):
    """Each character is three frames of its own token, as a codec would have it: WER falls to nothing."""
    generator = np.random.default_rng(0)
    words = ["one", "two", "three", "four", "five"]
    letters = sorted({c for w in words for c in w} | {" "})
    frames, targets = {}, {}
    for k in range(160):
        text = " ".join(generator.choice(words, 2))
        tokens = np.repeat([letters.index(c) for c in text], 3)
        noisy = np.where(generator.random(len(tokens)) < 0.1, generator.integers(0, len(letters), len(tokens)), tokens)
        frames[f"u{k:03d}"], targets[f"u{k:03d}"] = f"{k:064d}", "\n".join(text)
        made = Frames(noisy[:, None].astype(np.int64), 30.0, (len(letters),))
        ArrayCache(tmp_path / "frames").put(f"{k:064d}", made.to_arrays())
    names = sorted(frames)
    parts = (tuple(names[:110]), tuple(names[110:130]), tuple(names[130:]))
    made = Problem(RECIPES["asr"], frames, targets, tuple(letters), False, *parts)
    result = carry_out(Training(made, 1e-2, 0), tmp_path)
    for decoding in ("answer", "beam"):
        wanted = ["".join(targets[n].split("\n")) for n in made.test]
        found = ["".join(result["test"][n][decoding].split("\n")) for n in made.test]
        assert jiwer.wer(wanted, found) < 0.05


def test_texts_that_do_not_fit_are_left_out_of_training(tmp_path: Path):
    made = problem(tmp_path, replace(RECIPES["asr"], epochs=1))
    long = "\n".join("ab" * 40)
    targets = dict.fromkeys(made.targets, "a\nb") | {"u000": long, "u001": long}
    result = carry_out(Training(replace(made, targets=targets, symbols=("a", "b")), 1e-2, 0), tmp_path)
    assert result["left_out"] == 2
    with pytest.raises(CodecBenchError, match="too short"):
        Trainer(Training(replace(made, targets=dict.fromkeys(targets, long), symbols=("a", "b")), 1e-2, 0), tmp_path)


@pytest.mark.parametrize("seed", range(20))
def test_edits_are_those_of_jiwer(seed: int):
    generator = np.random.default_rng(seed)
    found, wanted = (generator.integers(0, 4, int(generator.integers(1, 12))).tolist() for _ in range(2))
    words = jiwer.process_words(" ".join(map(str, wanted)), " ".join(map(str, found)))
    assert edits(found, wanted) == words.substitutions + words.deletions + words.insertions
    assert edits(found, []) == len(found)
