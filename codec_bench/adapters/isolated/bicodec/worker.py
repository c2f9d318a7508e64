"""BiCodec: semantic tokens of wav2vec 2.0 features, and tokens of the voice from the first seconds."""

from __future__ import annotations

from pathlib import Path

import codec_bench_support as support
import numpy as np

REPOSITORY = "SparkAudio/Spark-TTS"
WEIGHTS = "SparkAudio/Spark-TTS-0.5B"
LAYERS = (11, 14, 16)
"""Hidden states of the wav2vec 2.0 model whose mean is encoded."""

HOP = 320
FIELD = 80
"""Samples that wav2vec 2.0 needs beyond a whole number of frames."""


class Model:
    """Upstream's codec, and the encoder of its features."""

    def __init__(self, codec, encoder, processor, config, normalize, device):
        self.codec, self.encoder, self.processor = codec, encoder, processor
        self.normalize = normalize
        self.loud = config["volume_normalize"]
        hop = config["latent_hop_length"]
        self.reference = int(config["sample_rate"] * config["ref_segment_duration"]) // hop * hop
        self.device = device

    def encode(self, samples):
        """Codes of float32 `[n]` at 16 kHz, one for each frame that is begun, and the tokens of the voice."""
        import torch

        audio = self.normalize(samples) if self.loud else samples
        frames = -(-len(audio) // HOP)
        voice = np.resize(audio, self.reference).astype(np.float32)  # repeated where it is shorter
        values = self.processor(audio, sampling_rate=16_000, return_tensors="pt").input_values.float()
        values = torch.nn.functional.pad(values, (0, frames * HOP + FIELD - len(audio)))
        with torch.inference_mode():
            hidden = self.encoder(values.to(self.device), output_hidden_states=True).hidden_states
            features = sum(hidden[layer] for layer in LAYERS) / len(LAYERS)
            batch = {"feat": features, "ref_wav": torch.from_numpy(voice).to(self.device)[None]}
            codes, tokens = self.codec.tokenize(batch)
        return [codes[0].cpu().numpy().astype(np.int64)], {"global": tokens[0, 0].cpu().numpy().astype(np.int64)}

    def decode(self, codes, side):
        """Samples at 16 kHz."""
        import torch

        tokens = torch.from_numpy(side["global"]).to(self.device)[None, None]
        with torch.inference_mode():
            decoded = self.codec.detokenize(torch.from_numpy(codes[0]).to(self.device)[None], tokens)
        return decoded[0, 0].float().cpu().numpy()

    def latents(self, codes, side):
        """Codebook vectors."""
        import torch

        with torch.inference_mode():
            vectors = self.codec.quantizer.detokenize(torch.from_numpy(codes[0]).to(self.device)[None])
        return {"quantized": vectors[0].T.float().cpu().numpy()}


def load(job):
    """Builds the codec from the checkpoint's configuration; tensors that are missing are an error."""
    support.add_source(job.sources[REPOSITORY])
    support.stub("omegaconf")  # reads configurations only
    import yaml
    from safetensors.torch import load_file
    from sparktts.models.bicodec import BiCodec
    from sparktts.modules.encoder_decoder.feat_decoder import Decoder
    from sparktts.modules.encoder_decoder.feat_encoder import Encoder
    from sparktts.modules.encoder_decoder.wave_generator import WaveGenerator
    from sparktts.modules.speaker.speaker_encoder import SpeakerEncoder
    from sparktts.modules.vq.factorized_vector_quantize import FactorizedVectorQuantize
    from sparktts.utils.audio import audio_volume_normalize
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

    folder = Path(job.folder(WEIGHTS))
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    parts = yaml.safe_load((folder / "BiCodec" / "config.yaml").read_text(encoding="utf-8"))["audio_tokenizer"]
    codec = BiCodec(
        parts["mel_params"],
        encoder=Encoder(**parts["encoder"]),
        decoder=WaveGenerator(**parts["decoder"]),
        quantizer=FactorizedVectorQuantize(**parts["quantizer"]),
        speaker_encoder=SpeakerEncoder(**parts["speaker_encoder"]),
        prenet=Decoder(**parts["prenet"]),
        postnet=Decoder(**parts["postnet"]),
    )
    found = codec.load_state_dict(load_file(str(folder / "BiCodec" / "model.safetensors")), strict=False)
    missing = [name for name in found.missing_keys if not name.startswith("mel_transformer.")]  # constants
    if missing:
        raise ValueError(f"the checkpoint lacks {len(missing)} tensors, e.g. {missing[0]}")
    codec.eval()
    codec.remove_weight_norm()
    encoder = folder / "wav2vec2-large-xlsr-53"
    return Model(
        codec.to(job.device),
        Wav2Vec2Model.from_pretrained(str(encoder)).to(job.device).eval(),
        Wav2Vec2FeatureExtractor.from_pretrained(str(encoder)),
        config,
        audio_volume_normalize,
        job.device,
    )
