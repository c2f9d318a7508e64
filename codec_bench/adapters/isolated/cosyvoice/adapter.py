"""S3Tokenizer with the synthesis of CosyVoice, in an environment of its own: what it is; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.s3tokenizer import S3TokenizerV1
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile, hugging_face
from codec_bench.tokens import Codebook


class CosyVoice(IsolatedCodec):
    """S3Tokenizer's tokens at 50 Hz, spoken by the flow matching and HiFT of CosyVoice-300M (Du et al., 2024).

    The tokens carry no voice. The one of the recording itself is sent once, as the 192 numbers of CAM++ that CosyVoice
    is given of a prompt: 6144 bits of side information, counted in the payload of each utterance, not in the bitrate.
    No other part of the recording prompts the flow. It takes 10 Euler steps on a cosine schedule with a guidance of
    0.7, as upstream has it; its noise, and that of the vocoder, are reseeded for each recording. Output has 22.05 kHz.

    Source:
        https://arxiv.org/abs/2407.05407, https://github.com/FunAudioLLM/CosyVoice
    """

    name = "cosyvoice-v1-50hz"
    environment = Environment(
        "cosyvoice",
        requirements=("einops>=0.6", "importlib_metadata", "onnx>=1.17", "onnxruntime>=1.19"),
        # Two of the modules of diffusers are used, and none of what the tokenizer asks for besides.
        without_dependencies=("diffusers==0.29.0", "s3tokenizer==0.3.0"),
        sources=(
            Source(
                "FunAudioLLM/CosyVoice",
                "ace7c47f41bbd303aa6bf1ea80e6f9fbd595cd40",
                paths=(
                    "cosyvoice/__init__.py",
                    "cosyvoice/flow/decoder.py",
                    "cosyvoice/flow/flow.py",
                    "cosyvoice/flow/flow_matching.py",
                    "cosyvoice/flow/length_regulator.py",
                    "cosyvoice/hifigan/f0_predictor.py",
                    "cosyvoice/hifigan/generator.py",
                    "cosyvoice/transformer",
                    "cosyvoice/utils/__init__.py",
                    "cosyvoice/utils/class_utils.py",
                    "cosyvoice/utils/common.py",
                    "cosyvoice/utils/mask.py",
                ),
                tree="b0a80162bdf30b5e4c5dcdf540655d9075ae0aa9c5b6fbd636f4020ea7e04f67",
            ),
            Source(
                "shivammehta25/Matcha-TTS",
                "dd9105b34bf2be2230f4aa1e4769fb586a3c824e",
                paths=(
                    "matcha/models/__init__.py",
                    "matcha/models/components/__init__.py",
                    "matcha/models/components/decoder.py",
                    "matcha/models/components/flow_matching.py",
                    "matcha/models/components/transformer.py",
                ),
                tree="ef99c061ed30597b90b92d04c6af4df355b52d5aa390517a9d6287a0e762e700",
            ),
        ),
        inherits=True,
        borrowed=("huggingface_hub>=0.23", "safetensors>=0.4", "torchaudio", "tqdm>=4.60"),
        size=140_000_000,
    )
    worker = Path(__file__).with_name("worker.py")
    call_timeout = 3600.0

    spec = neural(
        title="S3Tokenizer v1 (50 Hz) + CosyVoice flow and HiFT",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=22_050,
        codebooks=(Codebook(4096, hop=320),),
        semantic_codebooks=(0,),
        licence="Apache-2.0",
        source="https://github.com/FunAudioLLM/CosyVoice",
        weights=(
            *S3TokenizerV1.spec.weights,
            RemoteFile(
                "hf/FunAudioLLM/CosyVoice-300M/flow.pt",
                "fd80b089444a95e52956c57cdf177d7f6017a5af13b8a697717628a1d2be6b55",
                revision="46b5c06a21fe6dfc3deedf7fc8fea4abe9c71e9b",
            ),
            RemoteFile(
                "hf/FunAudioLLM/CosyVoice-300M/hift.pt",
                "91e679b6ca1eff71187ffb4f3ab0444935594cdcc20a9bd12afad111ef8d6012",
            ),
            *hugging_face("FunAudioLLM/CosyVoice-300M", "campplus.onnx"),
        ),
        configuration="50",
        padding=S3TokenizerV1.spec.padding,
        min_samples=1600,
    )
