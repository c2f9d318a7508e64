"""MagiCodec: windowed transformers around one codebook, with torch in the place of four CUDA extensions."""

from __future__ import annotations

import types

import codec_bench_support as support
import numpy as np

REPOSITORY = "Ereboas/MagiCodec"
BLOCK = 256
"""Frames that are compared with the codebook at once; all of them take gigabytes."""


class Model:
    """Upstream's generator and its projected codebook."""

    def __init__(self, generator, table, device):
        self.generator, self.table, self.device = generator, table, device

    def encode(self, samples):
        """Codes of float32 `[n]` at 16 kHz."""
        import torch

        with torch.inference_mode(), _precision(self.device):
            audio = self.generator.pad_audio(torch.from_numpy(samples).to(self.device)[None, None])
            encoded = self.generator.encoder(audio)
            codes = [self.generator.quantizer.inference(part)[1][0] for part in encoded.split(BLOCK, dim=1)]
        return [torch.cat(codes).cpu().numpy().astype(np.int64)], {}

    def decode(self, codes, side):
        """Samples at 16 kHz."""
        import torch

        with torch.inference_mode(), _precision(self.device):
            decoded = self.generator.decoder(self._embedded(codes))
        return decoded[0, 0].float().cpu().numpy()

    def latents(self, codes, side):
        """Codebook vectors."""
        return {"quantized": self._embedded(codes)[0].float().cpu().numpy()}

    def _embedded(self, codes):
        """`[1, frames, 16]`."""
        import torch

        return torch.nn.functional.embedding(torch.from_numpy(codes[0]).to(self.device)[None], self.table)


def _precision(device):
    """What upstream computes in: bfloat16 on a GPU, where a CPU stays at float32."""
    import torch

    return torch.autocast("cuda", torch.bfloat16, enabled=str(device).startswith("cuda"))


def attention(self, qkv, causal, cu_seqlens, max_seqlen, return_attn_probs, use_window_mask):
    """In the place of upstream's forward: attention of `[batch, frames, 3, heads, dimension]` to a window of frames."""
    import torch

    if cu_seqlens is not None or self.causal or causal or not use_window_mask:
        raise NotImplementedError("attention without a window")
    before, after = self.window_size
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    place = torch.arange(q.shape[-2], device=q.device)
    distance = place - place[:, None]
    mask = (distance >= -before) & (distance <= after)
    out = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=self.softmax_scale)
    return (out.transpose(1, 2),)


def rotate(x1, x2, cos, sin, out1, out2, conjugate):
    """`rotary_emb.apply_rotary`: turns pairs by angles; results may be written over the operands."""
    if conjugate:
        sin = -sin
    a, b = x1.float(), x2.float()
    turned = a * cos.float() - b * sin.float(), a * sin.float() + b * cos.float()
    out1.copy_(turned[0])
    out2.copy_(turned[1])


def norm(x, residual, weight, bias, rowscale, colscale, *rest):
    """`dropout_layer_norm.dropout_add_ln_fwd` without dropout: adds, and divides by the root mean square.

    The sum is kept at the residual's precision; the output has the input's.
    """
    import torch

    epsilon, residual_in_float, is_rms = rest[3], rest[-2], rest[-1]
    if bias is not None or rowscale is not None or colscale is not None or not is_rms:
        raise NotImplementedError("a norm that MagiCodec does not use")
    total = x.float() if residual is None else x.float() + residual.float()
    scale = torch.rsqrt(total.square().mean(-1, keepdim=True) + epsilon)
    kept = residual.dtype if residual is not None else torch.float32 if residual_in_float else x.dtype
    return (total * scale * weight.float()).to(x.dtype), total.to(kept), None, None, scale


def load(job):
    """Builds the generator for 50 frames per second, the only one that is published."""
    support.add_source(job.sources[REPOSITORY])
    support.stub("rotary_emb", apply_rotary=rotate)
    support.stub("dropout_layer_norm", dropout_add_ln_fwd=norm)
    support.stub("flash_attn_2_cuda", "fused_dense_lib", "pytorch_lightning", "pytorch_lightning.utilities.rank_zero")
    import torch

    try:
        import triton  # noqa: F401
    except ImportError:
        support.stub("triton")  # another implementation of the rotation, which is not used
    from codec.generator import Generator
    from components import mha

    mha.FlashSelfAttentionV2_3.forward = attention
    real = torch.cuda.get_device_properties
    # It chooses the extensions' variants by the GPU, which there may be none of.
    torch.cuda.get_device_properties = lambda device: types.SimpleNamespace(major=8, minor=0)
    try:
        generator = Generator(sample_rate=16_000, token_hz=50)
    finally:
        torch.cuda.get_device_properties = real
    state = support.load_state(next(iter(job.files.values())))  # the only one
    absent, _ = generator.load_state_dict(state, strict=False)
    if absent := [name for name in absent if not name.endswith("inv_freq")]:
        raise ValueError(f"the checkpoint lacks {absent[0]} and {len(absent) - 1} more")
    generator = generator.to(job.device).eval().requires_grad_(False)
    with torch.inference_mode(), _precision(job.device):
        table = generator.quantizer.codebook_proj(generator.quantizer.codebook.weight)
    return Model(generator, table, job.device)
