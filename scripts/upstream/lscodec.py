"""LSCodec: what its `recon_with_prompt.py` does for one recording that is its own prompt, with small networks.

Its configurations lie beside the weights; those here have the published names and shapes of codes.
"""

from pathlib import Path

import codec_bench_support as support

CODEC = "lscodec-50hz"
REPOSITORY = "cantabile-kwok/LSCodec-Inference"
ENCODER = """
feature_extractor_params:
  {fs: 16000, conv_feature_layers: "[(64, 10, 5), (64, 8, 4), (64, 4, 2), (64, 4, 2), (64, 4, 2), (64, 4, 2)]",
   log_compression: true, skip_connections_feat: false, residual_scale: 0.5, non_affine_group_norm: false,
   activation: ReLU}
feature_aggregator_params:
  {conv_feature_layers: "[(64, 2, 1), (64, 3, 1), (128, 4, 1)]", skip_connections: true, residual_scale: 0.5,
   non_affine_group_norm: false, conv_bias: true, zero_pad: false, activation: ReLU}
have_quantizer: true
quantizer_class: KMeans
quantizer_params:
  {vq_dim: 64, vq_groups: 1, vq_size_each_group: 300, decay: 0.99, epsilon: 1.0e-5, kmeans_init: false,
   kmeans_iters: 50, threshold_ema_dead_code: 2, commitment_weight: 1.0}
dropout_features: 0.1
"""
VOCODER = """
generator_type: HiFiGANGenerator
prompt_net_type: ConvPromptPrenet
num_mels: 80
sampling_rate: 24000
frontend_params:
  vqvec_channels: 64
  prompt_channels: 1024
  conformer_params:
    {attention_dim: 64, attention_heads: 2, linear_units: 128, num_blocks: 2, normalize_before: true,
     positionwise_layer_type: conv1d, positionwise_conv_kernel_size: 3, macaron_style: true,
     pos_enc_layer_type: rel_pos, selfattention_layer_type: rel_selfattn, activation_type: swish,
     use_cnn_module: true, cnn_module_kernel: 31}
generator_params:
  in_channels: 64
  out_channels: 1
  channels: 128
  upsample_scales: !!python/tuple [10, 8, 6]
  upsample_kernel_sizes: !!python/tuple [20, 16, 12]
"""
WAVLM = {
    "extractor_mode": "layer_norm", "encoder_layers": 7, "encoder_embed_dim": 1024, "encoder_ffn_embed_dim": 256,
    "encoder_attention_heads": 16, "layer_norm_first": True, "normalize": True, "relative_position_embedding": True,
    "num_buckets": 320, "max_distance": 800, "gru_rel_pos": True,
}  # fmt: skip


def prepare(job):
    support.add_source(job.sources[REPOSITORY])
    support.stub("h5py", "kaldiio", "librosa", "torchaudio", "torchaudio.transforms", "tqdm", "lscodec.layers.pqmf")


def configs(job):
    """Both, as upstream reads them."""
    import yaml

    texts = [Path(job.files[f"{name}_config.yml"]).read_text() for name in ("encoder", "vocoder")]
    encoder, vocoder = (yaml.load(text, Loader=yaml.Loader) for text in texts)
    return encoder | {"pretrain_codebook": job.files["codebook.npy"]}, vocoder


def write(job):
    prepare(job)
    import numpy as np
    import torch
    from lscodec.models import ctx_v2w
    from lscodec.ssl_models.WavLM import WavLM, WavLMConfig
    from lscodec.utils import load_model

    np.save(job.files["codebook.npy"], np.random.default_rng(0).standard_normal((1, 300, 64)).astype(np.float32))
    Path(job.files["encoder_config.yml"]).write_text(ENCODER)
    Path(job.files["vocoder_config.yml"]).write_text(VOCODER)
    encoder_config, config = configs(job)
    frontend = ctx_v2w.CTXVEC2WAVFrontend(config["prompt_net_type"], config["num_mels"], **config["frontend_params"])
    vocoder = ctx_v2w.CTXVEC2WAVGenerator(frontend, ctx_v2w.HiFiGANGenerator(**config["generator_params"]))
    for name, network in (("encoder", load_model(encoder_config)), ("vocoder", vocoder)):
        torch.save({"model": {"generator": network.state_dict()}}, job.files[f"lscodec_{name}.pt"])
    wavlm = WavLM(WavLMConfig(WAVLM))
    torch.save({"cfg": WAVLM, "model": wavlm.state_dict()}, job.files["WavLM-Large.pt"])


def call(job, samples):
    prepare(job)
    import numpy as np
    import torch
    from lscodec.ssl_models.wavlm_extractor import Extractor
    from lscodec.utils import load_model, load_vocoder

    encoder_config, config = configs(job)
    encoder = load_model(encoder_config, job.files["lscodec_encoder.pt"]).eval()
    vocoder = load_vocoder(config, job.files["lscodec_vocoder.pt"]).eval()
    table = torch.nn.Embedding.from_pretrained(torch.tensor(np.load(job.files["codebook.npy"]))[0])
    prompt = Extractor(checkpoint=job.files["WavLM-Large.pt"], device="cpu").extract(samples).float()
    codes = encoder.encode(torch.tensor(samples)[None, None])[2]
    return [codes[:, 0]], {"prompt": prompt}, vocoder.inference(table(codes[:, 0])[None], prompt[None])[-1]
