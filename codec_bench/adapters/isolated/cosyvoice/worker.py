"""S3Tokenizer's tokens and a CAM++ vector of the voice; CosyVoice's flow matching and HiFT make speech of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import codec_bench_support as support
import numpy as np

COSYVOICE, MATCHA = "FunAudioLLM/CosyVoice", "shivammehta25/Matcha-TTS"
HEAD = 64
"""Dimensions of an attention head of the tokenizer at every size."""

MELS = 80
VOICE = 192


class Model:
    """Tokenizer, CAM++, flow and vocoder."""

    def __init__(self, tokenizer, voice, flow, hift, device):
        self.tokenizer, self.voice, self.flow, self.hift = tokenizer, voice, flow, hift
        self.device = device

    def encode(self, samples):
        """Tokens of float32 `[n]` at 16 kHz, and the vector of the voice in the whole of it."""
        import torch
        from s3tokenizer.utils import log_mel_spectrogram, padding

        audio = torch.from_numpy(samples)
        with torch.inference_mode():
            mels, lengths = padding([log_mel_spectrogram(audio, self.tokenizer.config.n_mels)])
            codes, lengths = self.tokenizer.quantize(mels.to(self.device), lengths.to(self.device))
        return [codes[0, : int(lengths[0])].cpu().numpy().astype(np.int64)], {"voice": self._voice(audio)}

    def _voice(self, audio):
        """float32 `[192]`, as CosyVoice's front end has it."""
        from torchaudio.compliance import kaldi

        features = kaldi.fbank(audio[None], num_mel_bins=MELS, dither=0, sample_frequency=16_000)
        features = features - features.mean(dim=0, keepdim=True)
        name = self.voice.get_inputs()[0].name
        return self.voice.run(None, {name: features[None].numpy()})[0].flatten().astype(np.float32)

    def decode(self, codes, side):
        """Samples at 22.05 kHz, without any speech before them that would prompt the flow."""
        import torch

        def integers(values):
            return torch.tensor(values, dtype=torch.int32, device=self.device)

        with torch.inference_mode():
            mel, _ = self.flow.inference(
                token=integers(codes[0].tolist())[None],
                token_len=integers([len(codes[0])]),
                prompt_token=integers([[]]),
                prompt_token_len=integers([0]),
                prompt_feat=torch.zeros(1, 0, MELS, device=self.device),
                prompt_feat_len=integers([0]),
                embedding=torch.from_numpy(side["voice"])[None].to(self.device),
                flow_cache=torch.zeros(1, MELS, 0, 2, device=self.device),
            )
            samples, _ = self.hift.inference(speech_feat=mel, cache_source=torch.zeros(1, 1, 0, device=self.device))
        return samples.flatten().float().cpu().numpy()

    def latents(self, codes, side):
        """What the flow takes for each token."""
        return {"embedding": self.flow.input_embedding.weight.detach().cpu().numpy()[codes[0]]}


def load(job):
    """Builds the parts with the sizes of upstream's configuration for CosyVoice-300M, which loads no language model."""
    for repository in (MATCHA, COSYVOICE):
        support.add_source(str(Path(job.sources[repository])))
    # What is imported beside the classes that are used here.
    support.stub("conformer", "omegaconf", "matcha.utils", "cosyvoice.cli", "cosyvoice.llm", "cosyvoice.utils.onnx")
    import onnxruntime
    from cosyvoice.flow.decoder import ConditionalDecoder
    from cosyvoice.flow.flow import MaskedDiffWithXvec
    from cosyvoice.flow.flow_matching import ConditionalCFM
    from cosyvoice.flow.length_regulator import InterpolateRegulator
    from cosyvoice.hifigan.f0_predictor import ConvRNNF0Predictor
    from cosyvoice.hifigan.generator import HiFTGenerator
    from cosyvoice.transformer.encoder import ConformerEncoder
    from s3tokenizer.utils import onnx2torch
    from torchaudio.compliance import kaldi

    del kaldi
    flow = MaskedDiffWithXvec(
        input_size=512,
        output_size=MELS,
        spk_embed_dim=VOICE,
        output_type="mel",
        vocab_size=4096,
        input_frame_rate=int(job.mode),
        only_mask_loss=True,
        encoder=ConformerEncoder(
            output_size=512,
            attention_heads=8,
            linear_units=2048,
            num_blocks=6,
            dropout_rate=0.1,
            positional_dropout_rate=0.1,
            attention_dropout_rate=0.1,
            normalize_before=True,
            input_layer="linear",
            pos_enc_layer_type="rel_pos_espnet",
            selfattention_layer_type="rel_selfattn",
            input_size=512,
            use_cnn_module=False,
            macaron_style=False,
        ),
        length_regulator=InterpolateRegulator(channels=MELS, sampling_ratios=[1, 1, 1, 1]),
        decoder=ConditionalCFM(
            in_channels=240,
            n_spks=1,
            spk_emb_dim=MELS,
            cfm_params=SimpleNamespace(
                sigma_min=1e-6,
                solver="euler",
                t_scheduler="cosine",
                training_cfg_rate=0.2,
                inference_cfg_rate=0.7,
                reg_loss_type="l1",
            ),
            estimator=ConditionalDecoder(
                in_channels=320,
                out_channels=MELS,
                channels=[256, 256],
                dropout=0.0,
                attention_head_dim=64,
                n_blocks=4,
                num_mid_blocks=12,
                num_heads=8,
                act_fn="gelu",
            ),
        ),
    )
    hift = HiFTGenerator(
        in_channels=MELS,
        base_channels=512,
        nb_harmonics=8,
        sampling_rate=22_050,
        nsf_alpha=0.1,
        nsf_sigma=0.003,
        nsf_voiced_threshold=10,
        upsample_rates=[8, 8],
        upsample_kernel_sizes=[16, 16],
        istft_params={"n_fft": 16, "hop_len": 4},
        resblock_kernel_sizes=[3, 7, 11],
        resblock_dilation_sizes=[[1, 3, 5]] * 3,
        source_resblock_kernel_sizes=[7, 11],
        source_resblock_dilation_sizes=[[1, 3, 5]] * 2,
        lrelu_slope=0.1,
        audio_limit=0.99,
        f0_predictor=ConvRNNF0Predictor(num_class=1, in_channels=MELS, cond_channels=512),
    )
    files = {name.rpartition("/")[2]: path for name, path in job.files.items()}
    flow.load_state_dict(support.load_state(files["flow.pt"]))
    published = support.load_state(files["hift.pt"])
    hift.load_state_dict({name.replace("generator.", ""): tensor for name, tensor in published.items()})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    voice = onnxruntime.InferenceSession(files["campplus.onnx"], options, providers=["CPUExecutionProvider"])
    (tokens,) = (path for name, path in files.items() if name.startswith("speech_tokenizer"))
    tokenizer = _tokenizer(Path(tokens).stem, dict(onnx2torch(tokens)))
    return Model(
        tokenizer.to(job.device).eval(), voice, flow.to(job.device).eval(), hift.to(job.device).eval(), job.device
    )


def _tokenizer(name, state):
    """The package's model at the size of its tensors."""
    from s3tokenizer.model import ModelConfig, S3Tokenizer

    width, mels, _ = state["encoder.conv1.weight"].shape
    codebook = len(state["quantizer._codebook.embed"])
    if codebook != 4096:
        raise ValueError(f"{name} has {codebook} tokens, not 4096")
    config = ModelConfig(
        n_mels=mels,
        n_audio_ctx=len(state["encoder.positional_embedding"]),
        n_audio_state=width,
        n_audio_head=width // HEAD,
        n_audio_layer=len({key.split(".")[2] for key in state if key.startswith("encoder.blocks.")}),
        n_codebook_size=codebook,
    )
    model = S3Tokenizer(name, config)
    model.load_state_dict(state)
    return model
