"""Semantic codecs that run in environments of their own.

Each class says what the codec is and what its environment needs; `worker.py` in the folder of its name runs there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from codec_bench.adapters.isolated.base import WORKERS, IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.s3tokenizer import S3TokenizerV1
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile, hugging_face
from codec_bench.tokens import Codebook


class FaCodec(IsolatedCodec):
    """FACodec of NaturalSpeech 3 (Ju et al., 2024): speech split into prosody, content, detail and a speaker vector.

    Six codebooks of 1024 entries at 80 Hz, 4.8 kbit/s; without the three of detail 2.4.

    The speaker vector, 256 floats per utterance, is side information: it is counted in the payload of each utterance
    and not in the bitrate, as in the papers.

    Source:
        https://arxiv.org/abs/2403.03100, https://github.com/lifeiteng/naturalspeech3_facodec
    """

    name = "facodec"
    prefixes = (3, 6)
    any_prefix = False
    environment = Environment(
        "facodec",
        without_dependencies=("einops>=0.6",),
        sources=(
            Source(
                "lifeiteng/naturalspeech3_facodec",
                "aac16b7268b1b96e70b9e3526b13e216984e80d0",
                paths=("ns3_codec",),
                tree="f12d053991f2a5a7eb3c4ca9906c4e25850f78248132e881d9ab2658eb59d0cc",
            ),
        ),
        inherits=True,
        borrowed=("torchaudio",),
    )
    worker = WORKERS / "facodec/worker.py"

    spec = neural(
        title="FACodec (NaturalSpeech 3)",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(1024, hop=200),) * 6,
        parameters=102_330_000,
        licence="MIT",
        source="https://github.com/lifeiteng/naturalspeech3_facodec",
        weights=hugging_face("amphion/naturalspeech3_facodec", "ns3_facodec_encoder.bin", "ns3_facodec_decoder.bin"),
    )


class LlmCodec(IsolatedCodec):
    """LLM-Codec of UniAudio 1.5 (Yang et al., NeurIPS 2024): speech as words of LLaMA 2 at three time scales.

    These are 3248 words at 8.3 Hz, then LLaMA 2's 32,000 tokens at 16.7 and at 33.3 Hz.

    The codebooks are embeddings of LLaMA 2, under Meta's licence and behind its form. Upstream's code reads them from
    files of their own, and then replaces them by those of the checkpoint, which has all three; so the checkpoint is all
    that is needed here.

    Source:
        https://arxiv.org/abs/2406.10056, https://github.com/yangdongchao/LLM-Codec
    """

    name = "llm-codec"
    any_prefix = False
    environment = Environment(
        "llm-codec",
        requirements=("einops>=0.6",),
        sources=(
            Source(
                "yangdongchao/LLM-Codec",
                "b1629288a64c7b1f7776858625b37e6409ac41fa",
                paths=("codec/__init__.py", "codec/attention.py", "codec/layers.py", "codec/vq.py", "config.yaml"),
                tree="df79814d4c7a8224d308a0c4b2a3f6b38d07a0c267bf9a74239a0a335cbad21f",
            ),
        ),
        inherits=True,
    )
    worker = WORKERS / "llm_codec/worker.py"

    spec = neural(
        title="LLM-Codec (UniAudio 1.5)",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(3248, hop=1920), Codebook(32_000, hop=960), Codebook(32_000, hop=480)),
        parameters=46_090_000,  # besides the 275 million of the fixed embeddings
        licence="not stated",
        source="https://github.com/yangdongchao/LLM-Codec",
        weights=hugging_face("Dongchao/2024", "semantic_acoustic.pth"),
        padding=16_000,  # to whole windows of its attention
    )


class XyTokenizer(IsolatedCodec):
    """XY-Tokenizer (Gong et al., 2025): eight codebooks at 12.5 Hz, of semantics and acoustics together, 1 kbit/s.

    Upstream always decodes all of them.

    Each 30 s are padded and coded at once, with 20 s of it kept, as upstream does by default: a short recording takes
    as long as one of 30 s.

    Source:
        https://arxiv.org/abs/2506.23325, https://github.com/gyt1145028706/XY-Tokenizer
    """

    name = "xy-tokenizer"
    any_prefix = False
    environment = Environment(
        "xy-tokenizer",
        requirements=("einops>=0.6", "transformers>=5.23,<6"),
        sources=(
            Source(
                "gyt1145028706/XY-Tokenizer",
                "5df5609c5883e555bd39a2d0b1005ca8f1a8f12e",
                paths=("config", "xy_tokenizer"),
                tree="af9ae710f1916d0c695b5564baa37804c5e8ee99f371c30800dcbba07d4efe3e",
            ),
        ),
        inherits=True,
        size=175_000_000,
    )
    worker = WORKERS / "xy_tokenizer/worker.py"
    call_timeout = 1800.0  # two minutes for 2 s on two cores
    packages = ("torch", "transformers")

    spec = neural(
        title="XY-Tokenizer",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(1024, hop=1280),) * 8,
        parameters=519_620_000,
        licence="Apache-2.0",
        source="https://github.com/gyt1145028706/XY-Tokenizer",
        weights=hugging_face("fdugyt/XY_Tokenizer", "xy_tokenizer.ckpt"),
    )


def _semanticodec(rate: int, size: int) -> CodecSpec:
    """A token rate, which counts both codebooks, and a size of the semantic codebook."""
    codebooks = f"codebook_idx/combine_{128 * rate // 25}_audioset_dominate"
    return neural(
        title=f"SemantiCodec, {rate} tokens/s, {size}",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(size, hop=32_000 // rate), Codebook(8192, hop=32_000 // rate)),
        semantic_codebooks=(0,),
        licence="MIT",
        source="https://github.com/haoheliu/SemantiCodec-inference",
        weights=hugging_face(
            "haoheliu/SemantiCodec",
            f"semanticodec_tokenrate_{rate}/encoder.ckpt",
            f"semanticodec_tokenrate_{rate}/decoder.ckpt",
            f"{codebooks}/codebook_{size // 2}_0.npy",  # named after half of the entries that upstream says it has
        ),
        configuration=f"{rate} {size}",
        padding=5120,  # two patches
    )


class SemantiCodec(IsolatedCodec):
    """SemantiCodec (Liu et al., 2024): AudioMAE units and their residual, decoded by latent diffusion.

    Token rates of 25, 50 and 100 per second, each with four sizes of the semantic codebook, at upstream's defaults. A
    rate has one pair of networks; its sizes differ in the centroids alone.

    Decoding takes 50 steps of DDIM for each 10.24 s, with a guidance of 2; its noise is reseeded for each recording.
    A recording gets whole patches of 0.16 s; one that ends with a patch may get another, as upstream rounds.

    Source:
        https://arxiv.org/abs/2405.00233, https://github.com/haoheliu/SemantiCodec-inference
    """

    name = "semanticodec"
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        f"tr{rate}_v{size}": _semanticodec(rate, size)
        for rate in (25, 50, 100)
        for size in (4096, 8192, 16_384, 32_768)
    }
    modes = tuple(specs)
    any_prefix = False
    environment = Environment(
        "semanticodec",
        requirements=(
            "torch==2.4.1",
            "torchaudio==2.4.1",
            "numpy<2",
            "einops==0.8.0",
            "huggingface_hub<1",
            "pillow",
            "pyyaml",
            "requests",
            "safetensors",
            "scipy",
            "soundfile",
            "tqdm",
            "vector-quantize-pytorch==1.14.24",
        ),
        without_dependencies=("timm==0.9.16",),
        sources=(
            Source(
                "haoheliu/SemantiCodec-inference",
                "7c05d426d2971505014b96fc151522f78ff2a265",
                paths=("semanticodec",),
                tree="929256d3c7228a7114579bd132b5b248313b581802910ffa20237483c7b7bf87",
            ),
        ),
        python="3.10",
        size=5_000_000_000,
    )
    worker = WORKERS / "semanticodec/worker.py"
    call_timeout = 3600.0


WAVLM_LARGE = RemoteFile(
    "wavlm/WavLM-Large.pt",
    "6fb4b3c3e6aa567f0a997b30855859cb81528ee8078802af439f7b2da0bf100f",
    1_261_965_425,
    source="https://huggingface.co/s3prl/converted_ckpts/resolve/7bc66aee7c4a8c287923bf853afb702a5f8bf08e/wavlm_large.pt",
)
"""Microsoft's own file lies where programs do not get at it; s3prl has an equal one."""


def _lscodec(hertz: int, entries: int) -> CodecSpec:
    names = ("codebook.npy", "encoder_config.yml", "vocoder_config.yml", "lscodec_encoder.pt", "lscodec_vocoder.pt")
    return neural(
        title=f"LSCodec, {hertz} Hz",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=24_000,
        codebooks=(Codebook(entries, hop=16_000 // hertz),),
        licence="MIT",
        source="https://github.com/cantabile-kwok/LSCodec-Inference",
        weights=(*hugging_face(f"cantabile-kwok/lscodec_{hertz}hz", *names), WAVLM_LARGE),
        min_samples=1600,  # its convolutions are not padded
        padding=400,
    )


class LsCodec(IsolatedCodec):
    """A checkpoint of LSCodec (Guo et al., Interspeech 2025): what is said in one codebook, who says it from a prompt.

    The prompt is the recording itself. The decoder needs features of WavLM-Large from speech of the target voice, which
    are not part of the code; taking the recording gives the codec what it never sends. They are kept as side
    information so that decoding needs the code only, and count nothing towards its bits: compare WER and STOI, as the
    papers do, and no measure of the voice.

    Source:
        https://arxiv.org/abs/2410.15764, https://github.com/cantabile-kwok/LSCodec-Inference
    """

    environment = Environment(
        "lscodec",
        requirements=(
            "torch==1.13.1",
            "numpy<1.24",
            "einops",
            "filelock",
            "pyyaml~=6.0",
            "setuptools==65.6.3",
            "soundfile",
        ),
        sources=(
            Source(
                "cantabile-kwok/LSCodec-Inference",
                "521db44dae355ed796d159f7c99bfc097a149b2b",
                paths=("lscodec",),
                tree="a297c16e3a6f0c033c3c150dd595d5a6e83dcc6e26f934422ad427cd6b6faf3f",
            ),
        ),
        python="3.10",
        size=3_000_000_000,
    )
    worker = WORKERS / "lscodec/worker.py"
    side_value_bits = 0


LSCODEC = LsCodec.checkpoints(
    {
        "lscodec-50hz": _lscodec(50, 300),  # 0.41 kbit/s, which the paper rounds up to 9 bits per token, 0.45
        "lscodec-25hz": _lscodec(25, 1024),  # 0.25 kbit/s
    }
)


FILES = "https://dl.fbaipublicfiles.com"
VOCODER = f"{FILES}/textless_nlp/expresso/checkpoints/hifigan_expresso_lj_vctk_hubert_base_ls960_L9_km500"


KM500 = neural(
    title="HuBERT units, 500",
    group=Group.SEMANTIC,
    padding=400,  # its convolutions are not padded
    input_rate=16_000,
    output_rate=16_000,
    codebooks=(Codebook(500, hop=320),),
    semantic_codebooks=(0,),
    licence="MIT",
    source="https://github.com/facebookresearch/textlesslib",
    weights=(
        *hugging_face("facebook/hubert-base-ls960", "config.json", "pytorch_model.bin"),
        RemoteFile(
            "textless/hubert_base_ls960_L9_km500.bin",
            "4450dcbc90aa7d0553306a4b0fafef35c9b3c840468f02969273dfbb9db89a23",
            source=f"{FILES}/hubert/hubert_base_ls960_L9_km500.bin",
        ),
        RemoteFile(
            "textless/hubert_base_ls960_L9_km500_hifigan/generator.pt",
            "d50f4704e961c29cb386924ef32cd0c3a4d1089a3f9be856f8a3b6dcfdd6147a",
            source=f"{VOCODER}/generator.pt",
        ),
        RemoteFile(
            "textless/hubert_base_ls960_L9_km500_hifigan/config.json",
            "31e65ef5e100cb43de08f2c8d225496ace1ed87a49fcb8ee44bd6805f079b1f0",
            source=f"{VOCODER}/config.json",
        ),
    ),
    min_samples=400,  # HuBERT's convolutions are not padded
)
"""The only units of HuBERT base that have both a published quantizer and a published vocoder."""


class HubertUnits(IsolatedCodec):
    """Units of HuBERT (k-means of its features), and a HiFi-GAN that speaks them.

    `km500`: layer 9 of HuBERT base, 500 units at 50 Hz, and textlesslib's vocoder of them (Expresso, LJ, VCTK).

    Units say little about the voice: the vocoder speaks all of them with the first of its speakers and styles, which is
    upstream's default. So compare WER, and no measure of the voice or of its pitch. HuBERT is that of transformers. The
    1000 units of the papers are of another model (`hubert-km1000`), whose vocoder textlesslib does not have.

    Source:
        https://arxiv.org/abs/2106.07447, https://arxiv.org/abs/2104.00355,
        https://github.com/facebookresearch/textlesslib
    """

    name = "hubert-km"
    specs: ClassVar[Mapping[str, CodecSpec]] = {"km500": KM500}
    modes = tuple(specs)
    environment = Environment(
        "hubert-units",
        requirements=("transformers>=5.23,<6", "joblib>=1.3"),
        sources=(
            Source(
                "facebookresearch/textlesslib",
                "ba33d669d8284b4f7bfe81e7384e83ab799fe384",
                paths=("textless/vocoders/hifigan",),
                tree="3b415288f3b0e5509dfdf1d75b9840020c630c675ee02a33b5b74df9135d0dcd",
            ),
        ),
        inherits=True,
        size=175_000_000,
    )
    worker = WORKERS / "hubert_units/worker.py"
    packages = ("torch", "transformers", "joblib")


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
    worker = WORKERS / "cosyvoice/worker.py"
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


def _dualcodec(hertz: float, checkpoint: str, sizes: tuple[int, ...]) -> CodecSpec:
    """A checkpoint by its stem; `sizes` are the entries of the codebooks, the semantic one first."""
    hop = round(24_000 / hertz)
    return neural(
        title=f"DualCodec, {hertz:g} Hz",
        group=Group.SEMANTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=tuple(Codebook(size, hop) for size in sizes),
        semantic_codebooks=(0,),
        licence="MIT",
        source="https://github.com/jiaqili3/DualCodec",
        weights=(
            *hugging_face("amphion/dualcodec", f"{checkpoint}.safetensors", "w2vbert2_mean_var_stats_emilia.pt"),
            *hugging_face("facebook/w2v-bert-2.0", "config.json", "model.safetensors", "preprocessor_config.json"),
        ),
        min_samples=hop,
        configuration=f"{checkpoint}_{len(sizes)}vq",
    )


class DualCodec12(IsolatedCodec):
    """DualCodec (Li et al., Interspeech 2025): a semantic codebook from w2v-BERT 2.0, then residual acoustic ones.

    24 kHz, 12.5 frames/s, up to 8 codebooks, 1.225 kbit/s.

    Everything is computed in float32, where upstream's example has half precision on a GPU. Upstream drops the end of a
    recording that does not fill a frame; its last features are repeated here, so that the tokens cover it.

    Source:
        https://arxiv.org/abs/2505.13000, https://github.com/jiaqili3/DualCodec
    """

    name = "dualcodec-12hz"
    spec = _dualcodec(12.5, "dualcodec_12hz_16384_4096", (16_384, *(4096,) * 7))
    prefixes = tuple(range(1, 9))
    environment = Environment(
        "dualcodec",
        without_dependencies=("easydict>=1.9", "einops>=0.6"),
        sources=(
            Source(
                "jiaqili3/DualCodec",
                "5e8076453448089a0089bb2620148366dcfafa76",
                # Without the files above these folders, which import what training and synthesis need.
                paths=("dualcodec/conf/model", "dualcodec/model_codec"),
                tree="bf822e1883c2f685fa7225a9f292c09b8578088a0c4ae874e4a1fb9d9a688425",
            ),
        ),
        inherits=True,
        borrowed=("safetensors>=0.4", "torchaudio", "transformers>=4.50,<6"),
        size=175_000_000,
    )
    worker = WORKERS / "dualcodec/worker.py"


class DualCodec25(DualCodec12):
    """25 frames/s, up to 12 codebooks, 3.1 kbit/s."""

    name = "dualcodec-25hz"
    spec = _dualcodec(25, "dualcodec_25hz_16384_1024", (16_384, *(1024,) * 11))
    prefixes = tuple(range(1, 13))


class Qwen3TtsTokenizer12(IsolatedCodec):
    """Qwen3-TTS-Tokenizer at 12.5 Hz (Qwen team, 2026): Mimi's encoder with 16 codebooks, and a decoder of its own.

    The codebooks have 2048 entries each, 2.2 kbit/s.

    The decoder refuses any other number of codebooks. Encoder and decoder are causal; upstream's code has no way to run
    the encoder frame by frame.

    Source:
        https://arxiv.org/abs/2601.15621, https://github.com/QwenLM/Qwen3-TTS
    """

    name = "qwen3-tts-tokenizer-12hz"
    any_prefix = False
    environment = Environment(
        "qwen3-tts",
        requirements=("transformers==4.57.3",),
        sources=(
            Source(
                "QwenLM/Qwen3-TTS",
                "022e286b98fbec7e1e916cb940cdf532cd9f488e",
                # Without the files above this folder, which import speech synthesis.
                paths=("qwen_tts/core/tokenizer_12hz",),
                tree="7f407fef829bc1ee70a02f47438ea1088ea264f206a0019d9ba0e612786955ed",
            ),
        ),
        inherits=True,
        size=175_000_000,
    )
    worker = WORKERS / "qwen3_tts/worker.py"

    spec = neural(
        title="Qwen3-TTS-Tokenizer, 12.5 Hz",
        group=Group.SEMANTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(2048, hop=1920),) * 16,
        causal=True,
        licence="Apache-2.0",
        source="https://github.com/QwenLM/Qwen3-TTS",
        weights=hugging_face("Qwen/Qwen3-TTS-Tokenizer-12Hz", "config.json", "model.safetensors"),
        min_samples=1920,
    )


class BiCodec(IsolatedCodec):
    """BiCodec of Spark-TTS (Wang et al., 2025): one semantic codebook, and 32 tokens for the voice sent once.

    50 tokens/s, 0.65 kbit/s, and 384 bits per recording: a token of the voice has six dimensions of four levels.

    The voice is taken from the first six seconds. As upstream does, a recording is brought to one loudness before it
    is encoded, which is not undone.

    Source:
        https://arxiv.org/abs/2503.01710, https://github.com/SparkAudio/Spark-TTS
    """

    name = "bicodec"
    environment = Environment(
        "bicodec",
        requirements=("einops>=0.8", "einx==0.3.0", "soxr>=0.5"),
        sources=(
            Source(
                "SparkAudio/Spark-TTS",
                "2f1ea9082400547242641f5271b6f941c9f439d1",
                paths=("sparktts/models/bicodec.py", "sparktts/modules", "sparktts/utils"),
                tree="1b66fc6ca1c5e598082f11c48934f0c6af448ae3bbb0eef3f361a535e12ed33b",
            ),
        ),
        inherits=True,
        borrowed=("safetensors>=0.4", "torchaudio", "tqdm>=4.60", "transformers>=4.50,<6"),
        size=175_000_000,
    )
    worker = WORKERS / "bicodec/worker.py"

    spec = neural(
        title="BiCodec (Spark-TTS)",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(8192, hop=320),),
        semantic_codebooks=(0,),
        licence="Apache-2.0",
        weights_licence="CC-BY-NC-SA-4.0",
        source="https://github.com/SparkAudio/Spark-TTS",
        weights=hugging_face(
            "SparkAudio/Spark-TTS-0.5B",
            "config.yaml",
            "BiCodec/config.yaml",
            "BiCodec/model.safetensors",
            "wav2vec2-large-xlsr-53/config.json",
            "wav2vec2-large-xlsr-53/preprocessor_config.json",
            "wav2vec2-large-xlsr-53/pytorch_model.bin",
        ),
    )
    side_value_bits = 12


WAVLM = RemoteFile(
    "torchaudio/wavlm_base_plus.pth", source="https://download.pytorch.org/torchaudio/models/wavlm_base_plus.pth"
)
VOCOS = hugging_face("charactr/vocos-mel-24khz", "config.yaml", "pytorch_model.bin")
HIFT = hugging_face("FunAudioLLM/CosyVoice2-0.5B", "hift.pt", revision="18ce4d08f87f73573bb1e2bc4a61b5cb557d244b")
"""CosyVoice 2's vocoder, which removes noise. It draws its excitation, so that each decoding is seeded."""


def _kanade(
    title: str,
    repository: str,
    frame_rate: float,
    parameters: int,
    configuration: str,
    vocoder: tuple[RemoteFile, ...] = VOCOS,
) -> CodecSpec:
    """A checkpoint; the parameters are those that upstream states."""
    return neural(
        title=title,
        group=Group.SEMANTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(8 * 8 * 8 * 5 * 5, hop=round(24_000 / frame_rate)),),
        parameters=parameters,
        licence="MIT",
        source="https://github.com/frothywater/kanade-tokenizer",
        weights=(*hugging_face(f"frothywater/{repository}", "model.safetensors"), WAVLM, *vocoder),
        configuration=configuration,
    )


class Kanade(IsolatedCodec):
    """A checkpoint of Kanade (Huang et al., 2026), 24 kHz: one codebook for what is said, and one vector for the voice.

    As upstream does, a recording is brought to full scale before it is encoded, which is not undone. The vector of the
    voice is sent as float32.

    Source:
        https://arxiv.org/abs/2602.00594, https://github.com/frothywater/kanade-tokenizer
    """

    environment = Environment(
        "kanade",
        without_dependencies=("safetensors>=0.4", "vocos==0.1.0", "encodec==0.1.1", "einops>=0.6"),
        sources=(
            Source(
                "frothywater/kanade-tokenizer",
                "8e17729e9b96509606a01d4be959aa9c67d6a92a",
                # Without what is for training; the package declares Python 3.12, and these modules need 3.10.
                paths=(
                    "config/model",
                    "src/kanade_tokenizer/model.py",
                    "src/kanade_tokenizer/module",
                    "src/kanade_tokenizer/util.py",
                ),
                tree="c87812fb8872bf714790952e0b059adb92e05ed1b1ba9cf6a07bde7d9436216d",
            ),
        ),
        inherits=True,
        borrowed=("huggingface_hub>=0.23", "torchaudio"),
    )
    worker = WORKERS / "kanade/worker.py"


KANADE = Kanade.checkpoints(
    {
        # Trained on LibriTTS, 0.34 and 0.17 kbit/s, and on LibriTTS-R.
        "kanade-25hz": _kanade("Kanade, 25 Hz", "kanade-25hz", 25, 118_000_000, "25hz"),
        "kanade-12.5hz": _kanade("Kanade, 12.5 Hz", "kanade-12.5hz", 12.5, 120_000_000, "12hz"),
        "kanade-25hz-clean": _kanade("Kanade, 25 Hz, clean", "kanade-25hz-clean", 25, 142_000_000, "25hz_clean", HIFT),
    }
)


def _past(title: str, checkpoint: str, causal: bool | None) -> CodecSpec:
    return neural(
        title=title,
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(1024, hop=320),) * 8,
        causal=causal,
        licence="MIT",
        source="https://github.com/slp-rl/PAST",
        weights=hugging_face("slprl/PAST", checkpoint),
        min_samples=320,
    )


class Past(IsolatedCodec):
    """A checkpoint of PAST (Har-Tuv et al., Interspeech 2025): residual codebooks, the first trained to tell phones.

    16 kHz, 8 codebooks of 1024 entries at 50 Hz, 4 kbit/s.

    Rates and codebooks are those of the configuration that upstream publishes. Each checkpoint has its own, which says
    what is built; one with others is refused.

    The streamable one is said to look 20 ms ahead. Upstream's code runs it on whole recordings, and the causal mask
    that it makes for its transformer is one for cross-attention, which has no effect; so it is not called causal or
    streaming here.

    Source:
        https://arxiv.org/abs/2505.14470, https://github.com/slp-rl/PAST
    """

    environment = Environment(
        "past",
        requirements=("einops>=0.6", "omegaconf==2.3.0"),
        sources=(
            Source(
                "slp-rl/PAST",
                "23ae53bc933fa8a3beabb7e9ee2cb7fe0c6cbcfa",
                paths=(
                    "past/models/past_model.py",
                    "past/modules/embedding_transformer.py",
                    "past/modules/lstm.py",
                    "past/modules/seanet.py",
                    "past/quantization",
                ),
                tree="7b26a89ee5e9062764ccdb43a17ce9063c6e36a3d012a9147c148400a83bd82e",
            ),
            Source(
                "facebookresearch/audiocraft",
                "72cb16f9fb239e9cf03f7bd997198c7d7a67a01c",  # 1.3.0
                paths=("audiocraft/models/encodec.py", "audiocraft/modules/conv.py", "audiocraft/quantization"),
                tree="7867045d66178424bc8b6e3c12bc6cb192fa59b7708ecc6fdafb340281d53cbc",
            ),
        ),
        inherits=True,
        borrowed=("transformers>=4.50,<6",),
        size=175_000_000,
    )
    worker = WORKERS / "past/worker.py"


PAST = Past.checkpoints(
    {
        "past": _past("PAST", "PAST.th", causal=False),
        "past-streamable": _past("PAST, streamable", "PAST_streamable.th", causal=None),
    }
)
