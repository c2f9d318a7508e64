"""Networks of transformers with the tensors that others publish: what several metrics build upon."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from codec_bench.extras import silent_transformers
from codec_bench.metrics.checkpoints import check_complete

if TYPE_CHECKING:
    from torch import Tensor

TRANSFORMERS = ("torch", "transformers", *(("torchaudio",) if find_spec("torchaudio") else ()))
"""transformers imports torchaudio wherever it is installed, and fails where that is broken."""


def filled(network: Callable[[Any], Any], config: Any, tensors: Mapping[str, Tensor]) -> Any:
    """A network for inference with these tensors; random numbers of the caller's generator are not drawn.

    Args:
        network: Its class.
        config: What it is made from.
        tensors: By the names of transformers; others are passed over.

    Raises:
        KeyError: A tensor is missing.
        RuntimeError: Tensors do not fit together.
    """
    import torch

    with silent_transformers(), torch.random.fork_rng(devices=[]):
        model = network(config)
    missing, _ = model.load_state_dict(tensors, strict=False)
    check_complete(missing, ("masked_spec_embed",))
    return model.eval().requires_grad_(False)


_WAVLM_NAMES = (
    (r"^post_extract_proj\.", "feature_projection.projection."),
    (r"^layer_norm\.", "feature_projection.layer_norm."),
    (r"^mask_emb$", "masked_spec_embed"),
    (r"^(feature_extractor\.conv_layers\.\d+)\.0\.", r"\1.conv."),
    (r"^(feature_extractor\.conv_layers\.\d+)\.2\.(1\.)?", r"\1.layer_norm."),
    (r"\.pos_conv\.0\.weight_g$", ".pos_conv_embed.conv.parametrizations.weight.original0"),
    (r"\.pos_conv\.0\.weight_v$", ".pos_conv_embed.conv.parametrizations.weight.original1"),
    (r"\.pos_conv\.0\.", ".pos_conv_embed.conv."),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.self_attn\.grep_linear\.", ".attention.gru_rel_pos_linear."),
    (r"\.self_attn\.grep_a$", ".attention.gru_rel_pos_const"),
    (r"\.self_attn\.relative_attention_bias\.", ".attention.rel_attn_embed."),
    (r"\.self_attn\.", ".attention."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
)
"""Names of the original WavLM and what transformers calls the same tensor."""


def wavlm_of(original: Mapping[str, Tensor]) -> Any:
    """The `WavLMModel` of transformers with the tensors of an original WavLM, whose kind and sizes they tell.

    Raises:
        KeyError: A tensor is missing.
        RuntimeError: Tensors do not fit together.
    """
    from transformers import WavLMConfig, WavLMModel

    bias = original["encoder.layers.0.self_attn.relative_attention_bias.weight"]
    position = original["encoder.pos_conv.0.weight_v"]
    # The large one has a norm after each convolution, and in its layers norms come first; the base has neither.
    is_large = "feature_extractor.conv_layers.1.2.1.weight" in original
    config = WavLMConfig(
        hidden_size=position.shape[0],
        num_hidden_layers=sum(name.endswith(".fc1.weight") for name in original),
        num_attention_heads=bias.shape[1],
        intermediate_size=original["encoder.layers.0.fc1.weight"].shape[0],
        conv_dim=tuple(original[f"feature_extractor.conv_layers.{i}.0.weight"].shape[0] for i in range(7)),
        num_conv_pos_embeddings=position.shape[2],
        num_conv_pos_embedding_groups=position.shape[0] // position.shape[1],
        num_buckets=bias.shape[0],
        max_bucket_distance=800,
        feat_extract_norm="layer" if is_large else "group",
        do_stable_layer_norm=is_large,
        apply_spec_augment=False,
        layerdrop=0.0,
    )
    renamed = {}
    for name, tensor in original.items():
        new = name
        for pattern, replacement in _WAVLM_NAMES:
            new = re.sub(pattern, replacement, new)
        renamed[new] = tensor
    return filled(WavLMModel, config, renamed)
