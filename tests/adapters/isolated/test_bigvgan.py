"""BigVGAN, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codec_bench.adapters.isolated.bigvgan import codec as bigvgan
from tests.adapters.isolated.checks import check, noise, state_of


def test_bigvgan_sends_a_spectrogram_and_no_codes(mirror: Path) -> None:
    import torch
    from torch.nn import functional

    codec = bigvgan.BigVgan()
    codec.load()
    recording = noise(24_000, 24_000)
    padded = torch.from_numpy(np.pad(recording.samples, (0, -24_000 % 256)))[None]
    spectrum = torch.stft(padded, 198, 256, window=torch.hann_window(198), return_complex=True).abs()
    mel = torch.log(spectrum[:, :100, : padded.shape[1] // 256] + 1e-5)
    weight = state_of(mirror, codec, 1)["generator"]["layer.weight"]
    audio = torch.tanh(functional.conv_transpose1d(mel, weight, stride=256))
    code = check(codec, 24_000, [], audio[0, 0], recording)
    assert code.side["mel"].shape == (100, 94)
    assert code.bits == 0
    assert codec.spec.bitrate() is None
    codec.close()
