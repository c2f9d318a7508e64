"""FlexiCodec: `prepare_model`, `encode_flexicodec` and `decode_from_codes` as its README has them, with fewer layers.

SenseVoice comes from FunASR's `AutoModel`, whose tokenizer, which has no part in this, is a list of letters. Of what
both import, resampling by librosa, Kaldi's files and audiotools' base class are stubbed.
"""

from pathlib import Path

import codec_bench_support as support

CODEC = "flexicodec-8.3hz"
BESIDE = ("omegaconf==2.3.0", "antlr4-python3-runtime==4.9.3", "six==1.17.0")
SENSEVOICE = {
    "encoder": "SenseVoiceEncoderSmall",
    "encoder_conf": {"output_size": 512, "num_blocks": 3, "tp_blocks": 1, "attention_dropout_rate": 0.1},
    "model": "SenseVoiceSmall",
    "model_conf": {"length_normalized_loss": True, "sos": 1, "eos": 2, "ignore_id": -1},
    "tokenizer": "CharTokenizer",
    "tokenizer_conf": {"unk_symbol": "<unk>", "token_list": ["<unk>", "a", "b"]},
    "frontend": "WavFrontend",
    "frontend_conf": {"n_mels": 80, "lfr_m": 7, "lfr_n": 6},
}
"""What is published has 50 and 20 blocks."""


def prepare():
    """Upstream's module of inference."""
    import torch

    support.stub("librosa", "kaldiio", "audiotools")
    support.stub("audiotools.ml", BaseModel=torch.nn.Module)
    import flexicodec.infer

    return flexicodec.infer


def write(job):
    package = Path(prepare().__file__).parent
    import torch
    import yaml
    from flexicodec.modeling_flexicodec import FlexiCodec
    from safetensors.torch import save_file

    text = (package / "conf/model_config.yaml").read_text()
    published = "transformer_num_layers: 32\n"
    assert published in text
    text = text.replace(published, "transformer_num_layers: 2\n")
    Path(job.files["12hz_v1_half_config.yaml"]).write_text(text)
    Path(job.files["config.yaml"]).write_text(yaml.safe_dump(SENSEVOICE))
    torch.save({}, job.files["model.pt"])  # AutoModel goes on with what it drew
    model = FlexiCodec(**yaml.safe_load(text)["model"] | {"semantic_model_path": job.folder})
    torch.nn.init.constant_(model.semantic_model.encoder.after_norm.bias, 2)  # so that some frames are alike
    torch.save(model.semantic_model.state_dict(), job.files["model.pt"])
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("semantic_model.")}
    save_file(state, job.files["12hz_v1_half.safetensors"])


def call(job, samples):
    upstream = prepare()
    import torch

    config, checkpoint = job.files["12hz_v1_half_config.yaml"], job.files["12hz_v1_half.safetensors"]
    model = upstream.prepare_model(job.folder, "cpu", checkpoint, config)
    support.seed(support.SEED)
    found = upstream.encode_flexicodec(
        torch.from_numpy(samples)[None], model, num_quantizers=24, merging_threshold=float(job.mode)
    )
    semantic, acoustic, lengths = (found[f"{name}"] for name in ("semantic_codes", "acoustic_codes", "token_lengths"))
    decoded = model["model"].decode_from_codes(semantic, acoustic, lengths)
    return [semantic[0, 0], lengths[0] - 1, *acoustic[0]], {}, decoded
