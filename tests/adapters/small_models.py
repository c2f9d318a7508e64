"""Models of transformers as small as they can be at the published rates, hops and codebooks, with random weights, in
the layout of a mirror: what the adapters load in tests, and what they are compared with.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from codec_bench.adapters.transformers import codecs, encodec_stereo
from codec_bench.adapters.transformers.codec import TransformersCodec

ONE_OF_EACH: dict[str, type[TransformersCodec]] = {
    cls.name: cls
    for cls in (
        codecs.Mimi,
        codecs.Dac16k,
        codecs.Dac24k,
        codecs.Dac44k,
        codecs.Encodec24k,
        encodec_stereo.Encodec48k,
        codecs.XCodec,
        codecs.HiggsAudioV2,
        codecs.XCodec2,
        codecs.NeuCodec,
        codecs.XCODECS["xcodec-wavlm-mls"],
        codecs.WAVTOKENIZERS["wavtokenizer-small-40"],
        codecs.WAVTOKENIZERS["wavtokenizer-small-75"],
    )
}
"""Of each adapter and architecture, by name."""

CODECS: dict[str, type[TransformersCodec]] = {**ONE_OF_EACH, **codecs.XCODECS, **codecs.WAVTOKENIZERS}
"""The codecs that `build` builds, by name."""


ENCODEC_48K = {
    "sampling_rate": 48_000,
    "audio_channels": 2,
    "target_bandwidths": [3.0, 6.0, 12.0, 24.0],
    "normalize": True,
    "chunk_length_s": 1.0,
    "overlap": 0.01,
    "use_causal_conv": False,
    "norm_type": "time_group_norm",
}
"""What the published configuration says of the stereo model."""


def build(name: str, mirror: Path) -> Any:
    """Writes the files of a small model with random weights to where a mirror has those of the published one.

    Args:
        name: One of `CODECS`.
        mirror: The folder to name in CODEC_BENCH_MIRROR.

    Returns:
        The model, in evaluation mode.
    """
    import transformers

    cls = CODECS[name]
    torch.manual_seed(0)
    model = getattr(transformers, cls.model_class)(_config(name)).eval()
    _fill(model)
    folder = (mirror / cls.spec.weights[0].path).parent
    model.save_pretrained(folder)
    if cls.extractor_class is not None:
        getattr(transformers, cls.extractor_class)().save_pretrained(folder)
    return model


def _config(name: str) -> Any:
    """A configuration in which only widths and numbers of layers are smaller than the published ones."""
    builders: dict[str, Callable[[], Any]] = {
        "mimi": _mimi,
        "dac-16khz": lambda: _dac(16_000, [2, 4, 5, 8], 12),
        "dac-24khz": lambda: _dac(24_000, [2, 4, 5, 8], 32),
        "dac-44khz": lambda: _dac(44_100, [2, 4, 8, 8], 9),
        "encodec-24khz": _encodec,
        "encodec-48khz": lambda: _encodec(**ENCODEC_48K),
        "xcodec": lambda: _xcodec(_encoder("HubertConfig")),
        "higgs-audio-v2": _higgs,
        "xcodec2": lambda: _fsq("Xcodec2Config"),
        "neucodec": lambda: _fsq("NeuCodecConfig"),
    }
    if name.startswith("xcodec-"):
        return _xcodec(_encoder("WavLMConfig" if "wavlm" in name else "HubertConfig"))
    if name.startswith("wavtokenizer"):
        return _wavtokenizer([6, 5, 5, 4] if name.endswith("40") else [8, 5, 4, 2])
    return builders[name]()


def _mimi() -> Any:
    from transformers import MimiConfig

    return MimiConfig(
        hidden_size=32,
        num_filters=4,
        codebook_dim=16,
        vector_quantization_hidden_dimension=16,
        upsample_groups=32,
        num_hidden_layers=2,
        intermediate_size=32,
        num_attention_heads=4,
        num_key_value_heads=4,
    )


def _dac(rate: int, ratios: list[int], codebooks: int, **options: Any) -> Any:
    from transformers import DacConfig

    return DacConfig(
        encoder_hidden_size=4,
        decoder_hidden_size=2 * 2 ** len(ratios),
        downsampling_ratios=ratios,
        n_codebooks=codebooks,
        sampling_rate=rate,
        **options,
    )


def _encodec(**options: Any) -> Any:
    from transformers import EncodecConfig

    return EncodecConfig(hidden_size=16, num_filters=4, **options)


def _encoder(config: str) -> Any:
    import transformers

    return getattr(transformers, config)(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        conv_dim=[16] * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )


def _xcodec(semantic: Any) -> Any:
    from transformers import XcodecConfig

    ratios = [8, 5, 4, 2]
    acoustic = _dac(16_000, ratios, 9, upsampling_ratios=ratios, hidden_size=16)
    return XcodecConfig(acoustic_model_config=acoustic, semantic_model_config=semantic)


def _higgs() -> Any:
    from transformers import HiggsAudioV2TokenizerConfig

    ratios = [8, 5, 4, 2, 3]
    acoustic = _dac(16_000, ratios, 9, upsampling_ratios=ratios, hidden_size=16)
    bandwidths = [0.5, 1, 1.5, 2]
    return HiggsAudioV2TokenizerConfig(
        target_bandwidths=bandwidths,
        codebook_dim=8,
        acoustic_model_config=acoustic,
        semantic_model_config=_encoder("HubertConfig"),
    )


def _fsq(config: str) -> Any:
    import transformers

    semantic = transformers.Wav2Vec2BertConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32
    )
    return getattr(transformers, config)(
        hidden_size=64,  # normalised in 32 groups, which need two values each
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=16,
        encoder_hidden_size=4,
        quantization_dim=128,
        semantic_model_config=semantic,
    )


def _wavtokenizer(ratios: list[int]) -> Any:
    from transformers import WavTokenizerConfig

    return WavTokenizerConfig(
        num_filters=4,
        upsampling_ratios=ratios,
        hidden_size=16,
        codebook_dim=16,
        decoder_hidden_size=64,  # normalised in 32 groups
        decoder_intermediate_size=64,
        decoder_num_layers=2,
    )


@torch.no_grad()
def _fill(model: Any) -> None:
    """Weights that keep a signal's size, and codebooks: with those that a new model has, every frame gets one code."""
    for name, parameter in model.named_parameters():
        if parameter.ndim >= 2:
            gain = 0.3 if ".res_unit" in name else 1.0  # three in a row add to what they are given
            parameter.normal_(0, gain * (len(parameter) / parameter.numel()) ** 0.5)
    for name, buffer in model.named_buffers():
        if name.endswith((".embed", ".embed_sum")):
            buffer.normal_(0, 0.3)
    if hasattr(model, "encoder_model"):  # its states hardly vary: entries as far from each other as they are
        states = model.encoder_model.encoder(torch.randn(1, 1, 24_000) * torch.linspace(0, 12, 24_000).sin())[0]
        book = model.encoder_model.quantizer.codebook.embed
        book.mul_(states.std(1) / 0.3).add_(states.mean(1))
