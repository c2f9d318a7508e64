"""MagiCodec: `Generator.infer_nobf16`, as its README says of devices without bfloat16.

FlashAttention and the other CUDA extensions do not run on a CPU. Their places are taken by upstream's own functions
without CUDA where it has one (the rotation), and by textbook forms in float64 (windowed attention, RMS norm), which
share nothing with those of the adapter.
"""

import types

import codec_bench_support as support

CODEC = "magicodec"
REPOSITORY = "Ereboas/MagiCodec"


def norm(x, residual, weight, bias, rowscale, colscale, mask, scales, dropout, epsilon, *rest):
    import torch

    total = (x if residual is None else x + residual).double()
    scaled = total / torch.sqrt((total * total).mean(-1, keepdim=True) + epsilon)
    return (scaled * weight.double()).to(x.dtype), total.float(), None, None, None


def attention(self, qkv, *_):
    """Each frame looks at those from `before` frames earlier to `after` frames later."""
    import torch

    before, after = self.window_size
    q, k, v = qkv.double().unbind(2)
    out = torch.empty_like(q)
    for i in range(q.shape[1]):
        near = slice(max(0, i - before), i + after + 1)
        scores = torch.einsum("bhd,bshd->bhs", q[:, i], k[:, near]) * (self.softmax_scale or q.shape[-1] ** -0.5)
        out[:, i] = torch.einsum("bhs,bshd->bhd", scores.softmax(-1), v[:, near])
    return (out.to(qkv.dtype),)


def generator(job):
    support.add_source(job.sources[REPOSITORY])
    support.stub("rotary_emb", "flash_attn_2_cuda", "fused_dense_lib", "pytorch_lightning", "triton")
    support.stub("pytorch_lightning.utilities.rank_zero")
    support.stub("dropout_layer_norm", dropout_add_ln_fwd=norm)
    import torch
    from codec.generator import Generator
    from components import mha
    from components.ops import rotary

    torch.cuda.get_device_properties = lambda _: types.SimpleNamespace(major=8, minor=0)
    mha.FlashSelfAttentionV2_3.forward = attention

    def rotate(qkv, cos, sin, cos_k, sin_k, interleaved, *_):
        turned = rotary.apply_rotary_emb_torch(qkv[:, :, :2].flatten(2, 3), cos, sin, interleaved)
        return torch.cat([turned.unflatten(2, (2, -1)), qkv[:, :, 2:]], 2)

    rotary.apply_rotary_emb_qkv_ = rotate
    return Generator(sample_rate=16_000, token_hz=50).eval()


def write(job):
    import torch

    torch.save(generator(job).state_dict(), *job.files.values())


def call(job, samples):
    import torch

    model = generator(job)
    model.load_state_dict(torch.load(*job.files.values()), strict=False)
    samples, codes, _ = model.infer_nobf16(torch.from_numpy(samples)[None, None])
    return [codes[0]], {}, samples
