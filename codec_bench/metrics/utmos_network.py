"""The network of UTMOS in plain torch, with the parameter names of the published checkpoint; see `utmos`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CONVOLUTIONS = ((10, 5), *((3, 2),) * 4, *((2, 2),) * 2)
"""Kernel and stride of the seven convolutions of wav2vec 2.0 base; a frame every 20 ms."""

LAYERS, HEADS = 12, 12
CHANNELS, WIDTH, INNER = 512, 768, 3072
POSITION_KERNEL, POSITION_GROUPS = 128, 16
EMBEDDING, LSTM_WIDTH, HEAD_WIDTH = 128, 512, 2048


class Attention(nn.Module):
    """Self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, frames, width]` to the same."""
        heads = (p(x).unflatten(2, (HEADS, -1)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        mixed = functional.scaled_dot_product_attention(*heads)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """A transformer layer that normalises after attention and after the feed-forward net."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention()
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, frames, width]` to the same."""
        x = self.self_attn_layer_norm(x + self.self_attn(x))
        return self.final_layer_norm(x + self.fc2(functional.gelu(self.fc1(x))))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """The transformer, with a convolution for positions."""

    def __init__(self) -> None:
        super().__init__()
        convolution = nn.Conv1d(WIDTH, WIDTH, POSITION_KERNEL, padding=POSITION_KERNEL // 2, groups=POSITION_GROUPS)
        self.pos_conv = nn.Sequential(convolution)
        self.layer_norm = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, frames, width]` to the same."""
        # The even kernel gives one frame too many.
        x = x + functional.gelu(self.pos_conv(x.transpose(1, 2))[..., :-1]).transpose(1, 2)
        x = self.layer_norm(x)
        for layer in self.layers:
            x = layer(x)
        return x


class FeatureExtractor(nn.Module):
    """Strided convolutions from samples to frames."""

    def __init__(self) -> None:
        super().__init__()
        blocks = []
        for index, (kernel, stride) in enumerate(CONVOLUTIONS):
            convolution = nn.Conv1d(CHANNELS if index else 1, CHANNELS, kernel, stride, bias=False)
            norm = [] if index else [nn.GroupNorm(CHANNELS, CHANNELS)]
            # The identity is where training drops out, so that the numbers in the names fit.
            blocks.append(nn.Sequential(convolution, nn.Identity(), *norm, nn.GELU()))
        self.conv_layers = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, 1, samples]` to `[batch, channels, frames]`."""
        for block in self.conv_layers:
            x = block(x)
        return x


class Wav2Vec2(nn.Module):
    """wav2vec 2.0 base."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_extractor = FeatureExtractor()
        self.layer_norm = nn.LayerNorm(CHANNELS)
        self.post_extract_proj = nn.Linear(CHANNELS, WIDTH)
        self.encoder = Encoder()

    def forward(self, waves: Tensor) -> Tensor:
        """`[batch, samples]` at 16 kHz to `[batch, frames, width]`."""
        features = self.feature_extractor(waves[:, None]).transpose(1, 2)
        return self.encoder(self.post_extract_proj(self.layer_norm(features)))  # type: ignore[no-any-return]


class StrongLearner(nn.Module):
    """The strong learner: wav2vec 2.0, embeddings of domain and judge, a BLSTM, and the mean over frames."""

    def __init__(self) -> None:
        super().__init__()
        self.wav2vec2 = Wav2Vec2()
        self.domain_emb = nn.Parameter(torch.zeros(1, EMBEDDING))
        self.judge_emb = nn.Parameter(torch.zeros(1, EMBEDDING))
        self.blstm = nn.LSTM(WIDTH + 2 * EMBEDDING, LSTM_WIDTH, batch_first=True, bidirectional=True)
        self.projection = nn.Sequential(nn.Linear(2 * LSTM_WIDTH, HEAD_WIDTH), nn.ReLU(), nn.Linear(HEAD_WIDTH, 1))

    def forward(self, waves: Tensor) -> Tensor:
        """`[batch, samples]` at 16 kHz to opinions `[batch]`."""
        frames = self.wav2vec2(waves)
        context = torch.cat([self.domain_emb, self.judge_emb], 1)[:, None].expand(*frames.shape[:2], -1)
        scores = self.projection(self.blstm(torch.cat([frames, context], 2))[0])
        return 2 * scores.mean(dim=(1, 2)) + 3  # type: ignore[no-any-return]
