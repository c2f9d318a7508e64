"""Heads that papers describe: BERT and GPT-2 of MagiCodec, the linear one of ARCH."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from codec_bench.cache import ArrayCache
from codec_bench.errors import UsageError
from codec_bench.files import digest
from codec_bench.probes.frames import Frames
from codec_bench.probes.heads import MeanHead
from codec_bench.probes.problem import Problem, Training
from codec_bench.probes.recipes import RECIPES, Recipe, heads_of, recipe_of
from codec_bench.probes.training import Trainer, schedule
from codec_bench.probes.worker import carry_out, make_deterministic, read_result

SMALL = {"width": 16, "layers": 2, "attention": 2}


def transformer_head(kind: str) -> type[nn.Module]:
    pytest.importorskip("transformers")
    from codec_bench.probes import transformer_heads

    return getattr(transformer_heads, kind)  # type: ignore[no-any-return]


def padded(recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(3, 9, recipe.width), torch.arange(9)[None] < torch.tensor([[9], [4], [6]])


def test_sizes_are_those_of_the_papers():
    for head in ("bert", "gpt2"):
        made = recipe_of("phone" if head == "gpt2" else "er", head)
        assert (made.layers, made.attention, made.width, made.dropout) == (12, 12, 768, 0.1)
        assert (made.learning_rates, made.warmup_steps, made.epochs, made.batch) == ((5e-4,), 5000, 20, 32)
    assert heads_of(RECIPES["digits"]) == ("mlp", "linear", "asp", "attention", "arch", "bert")
    assert heads_of(RECIPES["phone"]) == ("bilstm", "gpt2")
    with pytest.raises(UsageError, match="the head of asr is bilstm or gpt2"):
        recipe_of("asr", "bert")


def test_the_rate_rises_for_all_steps_where_there_are_few():
    assert [round(schedule(k / 10, 50 / 10), 3) for k in (1, 5, 9)] == [0.02, 0.1, 0.18]
    assert schedule(0.55, 0.1, is_linear=True) == pytest.approx(0.5)


@pytest.mark.long
def test_gpt2_has_the_loss_of_each_text_by_itself():
    recipe = replace(recipe_of("phone", "gpt2"), **SMALL)
    head = transformer_head("GPT2Head")(recipe, 5).eval()
    frames, mask = padded(recipe)
    texts = [[1, 2, 3], [4], [0, 0, 2, 1]]
    found = head.losses(frames, mask, texts)
    wanted, count = 0.0, 0
    for row, kept, text in zip(frames, mask, texts, strict=True):
        symbols = torch.tensor([[5, *text, 6]])
        whole = torch.cat([row[kept][None], head.model.transformer.wte(symbols)], dim=1)
        said = head.model(inputs_embeds=whole).logits[0, int(kept.sum()) : -1].log_softmax(dim=1)
        wanted -= sum(line[symbol].item() for line, symbol in zip(said, [*text, 6], strict=True))
        count += len(text) + 1
    assert found.item() == pytest.approx(wanted / count, rel=1e-5)


@pytest.mark.long
def test_gpt2_says_what_is_likeliest_next():
    recipe = replace(recipe_of("phone", "gpt2"), **SMALL)
    head = transformer_head("GPT2Head")(recipe, 5).eval()
    frames, mask = padded(recipe)
    wanted = []
    for row, kept in zip(frames, mask, strict=True):
        symbols = [5]
        while symbols[-1] != 6 and len(symbols) < 9:
            inner = head.model.transformer.wte(torch.tensor([symbols]))
            logits = head.model(inputs_embeds=torch.cat([row[kept][None], inner], dim=1)).logits
            symbols.append(int(logits[0, -1].argmax()))
        wanted.append([symbol for symbol in symbols[1:8] if symbol < 5])
    assert head.texts(frames, mask, 7) == wanted


@pytest.mark.long
def test_bert_does_not_see_padding_and_sees_the_order():
    recipe = replace(recipe_of("er", "bert"), **SMALL)
    head = transformer_head("BertHead")(recipe, 3).eval()
    for weight in head.parameters():
        weight.data.mul_(5)  # as they are at first, all places are nearly alike
    frames, mask = padded(recipe)
    together = head(frames, mask)
    alone = torch.cat([head(f[m][None], m[m][None]) for f, m in zip(frames, mask, strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(head(frames.flip(1)[:1], mask[:1]), together[:1], atol=1e-4)


def test_arch_is_a_linear_layer_on_the_mean():
    recipe = replace(recipe_of("digits", "arch"), width=16)
    head = MeanHead(recipe, 4)
    frames, mask = padded(recipe)
    wanted = torch.stack([head.out(f[m].mean(dim=0)) for f, m in zip(frames, mask, strict=True)])
    torch.testing.assert_close(head(frames, mask), wanted)


def told(cache: Path, recipe: Recipe, *, numbers: bool = False) -> Problem:
    """Tokens below 4 and above come in stretches, as the symbols a and b."""
    random = np.random.default_rng(0)
    frames, targets = {}, {}
    for k in range(72):
        parts = random.integers(0, 2, 2) if recipe.is_sequence else np.array([k % 2])
        values = np.concatenate([4 * part + random.integers(0, 4, int(random.integers(5, 9))) for part in parts])
        made = Frames(np.eye(8, dtype=np.float32)[values], 50.0) if numbers else Frames(values[:, None], 50.0, (8,))
        name = f"u{k:02d}"
        ArrayCache(cache / "frames").put(key := digest(f"{name} {numbers}".encode()), made.to_arrays())
        frames[name], targets[name] = key, "\n".join("ab"[part] for part in parts)
    ids = sorted(frames)
    return Problem(recipe, frames, targets, ("a", "b"), False, tuple(ids[:48]), tuple(ids[48:60]), tuple(ids[60:]))


@pytest.mark.long
@pytest.mark.parametrize(("task", "head", "numbers"), [
    ("phone", "gpt2", False), ("er", "bert", False), ("digits", "arch", False), ("digits", "arch", True),
])  # fmt: skip
def test_what_can_be_learned_is(tmp_path: Path, task: str, head: str, numbers: bool):
    if head != "arch":
        pytest.importorskip("transformers")
    make_deterministic("cpu")
    small = {} if head == "arch" else {**SMALL, "warmup_steps": 10, "batch": 8, "epochs": 15}
    made = told(tmp_path, replace(recipe_of(task, head), **small), numbers=numbers)
    runs = 2 if head == "gpt2" else 1
    results = [Trainer(Training(made, 1e-2, 0), tmp_path).train() for _ in range(runs)]
    answers = results[0]["test"]
    assert np.mean([answers[name]["answer"] == made.targets[name] for name in made.test]) >= 0.9
    assert set(answers[made.test[0]]) == {"answer"}  # no beam
    assert results[0]["curve"] == results[-1]["curve"] and results[0]["dev_loss"] == results[-1]["dev_loss"]


@pytest.mark.long
def test_a_kept_text_without_a_beam_search_is_read_again(tmp_path: Path):
    pytest.importorskip("transformers")
    made = told(tmp_path, replace(recipe_of("phone", "gpt2"), **SMALL, epochs=1))
    found = carry_out(job := Training(made, 1e-2, 0), tmp_path)
    assert read_result(tmp_path, job) == found
