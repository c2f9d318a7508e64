"""Heads of the sizes of BERT and GPT-2, trained from scratch, as MagiCodec's paper probes with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from codec_bench.probes.recipes import Recipe

POSITIONS = 4096
"""Frames and symbols that a model may see at once; longer recordings are cut: 50 s at 80 frames per second."""

IGNORED = -100
"""The target of a place that has none, in transformers."""


class BertHead(nn.Module):
    """BERT over frames behind a learned vector, which stands for the utterance: pooled, dropout, one linear layer.

    Source:
        J. Devlin et al., "BERT", NAACL 2019; the library `transformers`.
    """

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        from transformers import BertConfig, BertModel

        width = recipe.width
        config = BertConfig(
            vocab_size=1, hidden_size=width, num_hidden_layers=recipe.layers, num_attention_heads=recipe.attention,
            intermediate_size=4 * width, hidden_dropout_prob=recipe.dropout,
            attention_probs_dropout_prob=recipe.dropout, max_position_embeddings=POSITIONS,
        )  # fmt: skip
        self.model: Any = BertModel(config)
        self.first = nn.Parameter(torch.randn(width) * config.initializer_range)
        self.dropout = nn.Dropout(recipe.dropout)
        self.out = nn.Linear(width, classes)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """`[batch, time, width]` to logits `[batch, classes]`."""
        frames, mask = frames[:, : POSITIONS - 1], mask[:, : POSITIONS - 1]
        whole = torch.cat([self.first.expand(len(frames), 1, -1), frames], dim=1)
        seen = torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1)
        pooled = self.model(inputs_embeds=whole, attention_mask=seen.long()).pooler_output
        logits: Tensor = self.out(self.dropout(pooled))
        return logits


class GPT2Head(nn.Module):
    """GPT-2 that goes on from frames with symbols, one after the other, to an end; the greedy text is its answer.

    Only symbols are targets, not frames.

    Source:
        A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019; the library `transformers`.
    """

    def __init__(self, recipe: Recipe, symbols: int) -> None:
        super().__init__()
        from transformers import GPT2Config, GPT2LMHeadModel

        self.begin, self.end = symbols, symbols + 1
        drop = recipe.dropout
        config = GPT2Config(
            vocab_size=symbols + 2, n_positions=POSITIONS, n_embd=recipe.width, n_layer=recipe.layers,
            n_head=recipe.attention, resid_pdrop=drop, embd_pdrop=drop, attn_pdrop=drop,
            bos_token_id=self.begin, eos_token_id=self.end, pad_token_id=self.end,
        )  # fmt: skip
        self.model: Any = GPT2LMHeadModel(config)

    def losses(self, frames: Tensor, mask: Tensor, texts: Sequence[Sequence[int]]) -> Tensor:
        """Mean cross-entropy over all symbols and ends of a batch; frames are `[batch, time, width]`."""
        longest = max(map(len, texts)) + 2
        rows = [[self.begin, *text, self.end] for text in texts]
        symbols = torch.tensor([row + [self.end] * (longest - len(row)) for row in rows], device=frames.device)
        lengths = torch.tensor([[len(row)] for row in rows], device=frames.device)
        seen = torch.arange(longest, device=frames.device)[None] < lengths
        heard, kept = self._heard(frames, mask, longest)
        attended = torch.cat([kept, seen], dim=1)
        targets = torch.cat([torch.full_like(kept, IGNORED, dtype=torch.long), symbols.where(seen, IGNORED)], dim=1)
        targets[:, kept.shape[1]] = IGNORED  # the beginning is given
        made = self.model(
            inputs_embeds=torch.cat([heard, self.model.transformer.wte(symbols)], dim=1),
            attention_mask=attended.long(),
            position_ids=(attended.long().cumsum(dim=1) - 1).clamp(min=0),
            labels=targets,
        )
        loss: Tensor = made.loss
        return loss

    @torch.no_grad()
    def texts(self, frames: Tensor, mask: Tensor, most: int) -> list[list[int]]:
        """The greedy answers, of at most `most` symbols each."""
        heard, kept = self._heard(frames, mask, most + 2)
        begin = self.model.transformer.wte(torch.full((len(frames), 1), self.begin, device=frames.device))
        made = self.model.generate(
            inputs_embeds=torch.cat([heard, begin], dim=1),
            attention_mask=torch.cat([kept, torch.ones_like(kept[:, :1])], dim=1).long(),
            max_new_tokens=most + 1,
            do_sample=False,
            num_beams=1,
        )
        answers = []
        for row in made.tolist():
            text = row[: row.index(self.end)] if self.end in row else row
            answers.append([symbol for symbol in text[:most] if symbol < self.begin])
        return answers

    @staticmethod
    def _heard(frames: Tensor, mask: Tensor, after: int) -> tuple[Tensor, Tensor]:
        """Frames and their mask with the padding in front, so that symbols follow the last frame."""
        frames, mask = frames[:, : POSITIONS - after], mask[:, : POSITIONS - after]
        length = mask.shape[1]
        shift = length - mask.sum(dim=1, keepdim=True)
        source = torch.arange(length, device=mask.device)[None] - shift
        moved = torch.gather(frames, 1, source.clamp(min=0)[:, :, None].expand_as(frames))
        return moved, source >= 0
