"""BiCodec: `BiCodecTokenizer` on a file, with the published configuration and a smaller wav2vec 2.0.

The first layers of wav2vec 2.0 need 80 samples more than a whole number of frames. Upstream leaves out the last frame;
here its processor adds them, as the adapter does.
"""

from pathlib import Path

import codec_bench_support as support

CODEC = "bicodec"
REPOSITORY = "SparkAudio/Spark-TTS"
BESIDE = ("omegaconf==2.3.0", "antlr4-python3-runtime==4.9.3")

CONFIG = "sample_rate: 16000\nlatent_hop_length: 320\nref_segment_duration: 6\nvolume_normalize: true\n"
VOCOS = "{input_channels: 1024, vocos_dim: 384, vocos_intermediate_dim: 2048, out_channels: 1024"
PARTS = f"""
audio_tokenizer:
  mel_params:
    {{sample_rate: 16000, n_fft: 1024, win_length: 640, hop_length: 320, mel_fmin: 10, mel_fmax: null, num_mels: 128}}
  encoder: {VOCOS}, vocos_num_layers: 12, sample_ratios: [1, 1]}}
  decoder: {{input_channel: 1024, channels: 1536, rates: [8, 5, 4, 2], kernel_sizes: [16, 11, 8, 4]}}
  quantizer:
    {{input_dim: 1024, codebook_size: 8192, codebook_dim: 8, commitment: 0.25, codebook_loss_weight: 2.0,
      use_l2_normlize: true, threshold_ema_dead_code: 0.2}}
  speaker_encoder:
    {{input_dim: 128, out_dim: 1024, latent_dim: 128, token_num: 32, fsq_levels: [4, 4, 4, 4, 4, 4],
      fsq_num_quantizers: 1}}
  prenet: {VOCOS}, vocos_num_layers: 12, condition_dim: 1024, sample_ratios: [1, 1], use_tanh_at_final: false}}
  postnet: {VOCOS}, vocos_num_layers: 6, use_tanh_at_final: false}}
"""


def prepare(job):
    support.add_source(job.sources[REPOSITORY])
    from sparktts.models import audio_tokenizer

    return audio_tokenizer


def write(job):
    upstream = prepare(job)
    import torch
    import yaml
    from safetensors.torch import save_file
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    Path(job.files["config.yaml"]).write_text(CONFIG)
    Path(job.files["BiCodec/config.yaml"]).write_text(PARTS)
    built = upstream.BiCodec.__init__.__globals__
    names = {"encoder": "Encoder", "decoder": "WaveGenerator", "quantizer": "FactorizedVectorQuantize"}
    names |= {"speaker_encoder": "SpeakerEncoder", "prenet": "Decoder", "postnet": "Decoder"}
    config = yaml.safe_load(PARTS)["audio_tokenizer"]
    parts = {name: built[kind](**config[name]) for name, kind in names.items()}
    model = upstream.BiCodec(mel_params=config["mel_params"], **parts)
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
        job.files["BiCodec/model.safetensors"],
    )
    folder = f"{job.folder}/wav2vec2-large-xlsr-53"
    settings = {"hidden_size": 1024, "num_hidden_layers": 17, "num_attention_heads": 16, "intermediate_size": 256}
    kind = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
    encoder = Wav2Vec2Model(Wav2Vec2Config(**settings, **kind))
    encoder.config.save_pretrained(folder)
    torch.save(encoder.state_dict(), f"{folder}/pytorch_model.bin")
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)


def call(job, samples):
    upstream = prepare(job)
    import soundfile
    import torch

    soundfile.write(f"{job.folder}/recording.wav", samples, 16_000, subtype="FLOAT")
    tokenizer = upstream.BiCodecTokenizer(job.folder, torch.device("cpu"))
    processor = tokenizer.processor

    def padded(*arguments, **named):
        found = processor(*arguments, **named)
        found["input_values"] = torch.nn.functional.pad(found["input_values"], (0, 80))
        return found

    tokenizer.processor = padded
    voice, codes = tokenizer.tokenize(f"{job.folder}/recording.wav")
    return [codes[0]], {"global": voice[0, 0]}, tokenizer.detokenize(voice.squeeze(0), codes)
