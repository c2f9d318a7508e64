"""Acoustic codecs that run in environments of their own, and BigVGAN.

Each class says what the codec is and what its environment needs; `worker.py` in the folder of its name runs there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from codec_bench.adapters.isolated.base import WORKERS, IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile, hugging_face
from codec_bench.tokens import Codebook


class BigCodec(IsolatedCodec):
    """BigCodec (Xin et al., 2024), 16 kHz: one codebook of 8192 entries at 80 tokens/s, 1.04 kbit/s.

    Upstream pads every recording by one to 200 samples, a whole frame where its length is a multiple of 200; so does
    this adapter, since the last frames of a network with an LSTM depend on it.

    Source:
        https://arxiv.org/abs/2409.05377, https://github.com/Aria-K-Alethia/BigCodec
    """

    name = "bigcodec"
    environment = Environment(
        "bigcodec",
        without_dependencies=("einops>=0.6",),
        sources=(
            Source(
                "Aria-K-Alethia/BigCodec",
                "09845ab1f5bc7a3d1589c16de820ef15bc2afefe",
                paths=("vq",),
                tree="718b105c3d66c33d9cc44ed019090f6bc5ca6e540dac040b8eddd56808797dc7",
            ),
        ),
        inherits=True,
    )
    worker = WORKERS / "bigcodec/worker.py"

    spec = neural(
        title="BigCodec",
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(8192, hop=200),),
        parameters=159_440_000,
        licence="MIT",
        source="https://github.com/Aria-K-Alethia/BigCodec",
        weights=hugging_face("Alethia/BigCodec", "bigcodec.pt"),
    )


class HiFiCodec(IsolatedCodec):
    """A checkpoint of HiFi-Codec (Yang et al., 2023): two groups of two residual codebooks of 1024 entries.

    The codebooks have no prefix order, so all four are decoded.

    Source:
        https://arxiv.org/abs/2305.02765, https://github.com/yangdongchao/AcademiCodec
    """

    environment = Environment(
        "hifi-codec",
        sources=(
            Source(
                "yangdongchao/AcademiCodec",
                "b6ac134735f6079543db959a60eb77a7bab4277b",
                paths=(
                    "academicodec/__init__.py",
                    "academicodec/utils.py",
                    "academicodec/models/hificodec",
                    "egs/HiFi-Codec-16k-320d/config_16k_320d.json",
                    "egs/HiFi-Codec-24k-240d/config_24k_240d.json",
                    "egs/HiFi-Codec-24k-320d/config_24k_320d.json",
                ),
                tree="85e719d0c118521e60689959c1d48ecea7fda66175a050484dc7fac10de79b9e",
            ),
        ),
        inherits=True,
    )
    worker = WORKERS / "academicodec/worker.py"
    any_prefix = False


def _hifi_codec(khz: int, hop: int) -> CodecSpec:
    """The hop is the product of the strides; the `hop_size` of upstream's configurations is another one."""
    return neural(
        title=f"HiFi-Codec {khz} kHz, hop {hop}",
        group=Group.ACOUSTIC,
        input_rate=1000 * khz,
        output_rate=1000 * khz,
        codebooks=(Codebook(1024, hop),) * 4,
        parameters=63_630_000,
        licence="MIT",
        source="https://github.com/yangdongchao/AcademiCodec",
        weights=hugging_face("Dongchao/AcademiCodec", f"HiFi-Codec-{khz}k-{hop}d"),
        min_samples=hop,
        configuration=f"egs/HiFi-Codec-{khz}k-{hop}d/config_{khz}k_{hop}d.json",
    )


HIFI_CODECS = HiFiCodec.checkpoints(
    {
        "hifi-codec-24k-320d": _hifi_codec(24, 320),  # 75 frames/s, 3 kbit/s
        "hifi-codec-24k-240d": _hifi_codec(24, 240),  # 100 frames/s, 4 kbit/s
        "hifi-codec-16k-320d": _hifi_codec(16, 320),  # 50 frames/s, 2 kbit/s
    }
)


def _ticodec(mode: str, steps: int, parameters: int | None = None) -> CodecSpec:
    """A mode, with the file that upstream's test script of that mode names after its training steps."""
    return neural(
        title=f"TiCodec {mode}",
        group=Group.ACOUSTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(1024, hop=320),) * int(mode[2]),
        parameters=parameters,
        licence="Apache-2.0",
        source="https://github.com/y-ren16/TiCodec",
        weights=hugging_face("y-ren16/TiCodec", f"logs_conv_only/logs_convonly_Lib_{mode}_cos_from_head/g_{steps:08d}"),
        min_samples=320,
        configuration=f"egs/TiCodec-24k-320d/config_24k_320d_conv_{mode}_8g3k1s.json",
    )


class TiCodec(IsolatedCodec):
    """TiCodec (Ren et al., 2024), built on HiFi-Codec's code, 24 kHz: 1, 2 or 4 codebooks of 1024 entries at 75 Hz.

    Each count is a checkpoint of its own, named by its numbers of groups and residual layers. Eight more codes of 1024
    entries are side information, sent once: counted in the payload of each utterance, not in the bitrate. The paths of
    the checkpoints are those of upstream's test scripts; the repository on Hugging Face could not be looked at.

    Source:
        https://arxiv.org/abs/2310.00014, https://github.com/y-ren16/TiCodec
    """

    name = "ticodec"
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        "1g1r": _ticodec("1g1r", 300_000),
        "1g2r": _ticodec("1g2r", 250_000, 63_850_000),
        "1g4r": _ticodec("1g4r", 250_000),
    }
    modes = tuple(specs)
    environment = Environment(
        "ticodec",
        sources=(
            Source(
                "y-ren16/TiCodec",
                "13af0ebad99f01ebbe25ce449b7e33eebc56672e",
                paths=(
                    "academicodec/__init__.py",
                    "academicodec/utils.py",
                    "academicodec/models/ticodec",
                    *(str(spec.configuration) for spec in specs.values()),
                ),
                tree="75229f9e247a63574a4372c26a0431e94f8c26f9ea9da703ade3466aff544933",
            ),
        ),
        inherits=True,
    )
    worker = WORKERS / "academicodec/worker.py"
    any_prefix = False
    side_value_bits = 10


def _stable_codec(preset: str, *sizes: int) -> CodecSpec:
    return neural(
        title=f"Stable Codec, {preset}",
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=tuple(Codebook(size, hop=640) for size in sizes),
        licence="MIT",
        weights_licence="Stability AI Community License",
        source="https://github.com/Stability-AI/stable-codec",
        weights=hugging_face("stabilityai/stable-codec-speech-16k-base", "model_config.json", "model.safetensors"),
        min_samples=6400,  # a block of the loudness measurement
    )


class StableCodec(IsolatedCodec):
    """Stable Codec (Parker et al., ICLR 2025), 16 kHz, 25 frames/s: a transformer with finite scalar quantization.

    The weights are those of the paper (`-base`), with upstream's quantizers for use after training.

    Upstream normalises a file to -20 LUFS before encoding, and leaves the output there. The same is done here, and the
    gain is sent once for each recording, 32 bits of side information, so that the output has the recording's level. As
    upstream says of FlashAttention: it is required, and so is a GPU. The weights are behind a form on Hugging Face.

    Source:
        https://arxiv.org/abs/2411.19842, https://github.com/Stability-AI/stable-codec
    """

    name = "stable-codec"
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        "1x46656_400bps": _stable_codec("1x46656", 46_656),
        "2x15625_700bps": _stable_codec("2x15625", 15_625, 15_625),
        "4x729_1000bps": _stable_codec("4x729", 729, 729, 729, 729),
    }
    modes = tuple(specs)
    any_prefix = False
    # What upstream declares cannot be installed (pypesq does not build); this is what coding imports of it.
    environment = Environment(
        "stable-codec",
        requirements=(
            "torch==2.4.0",
            "torchaudio==2.4.0",
            "numpy<2",
            "einops==0.8.0",
            "huggingface_hub<1",
            "packaging",
            "safetensors",
            "tqdm",
        ),
        without_dependencies=(
            "stable-audio-tools==0.0.17",
            "alias-free-torch==0.0.6",
            "flash-attn @ https://github.com/Dao-AILab/flash-attention/releases/download/v2.6.3/"
            "flash_attn-2.6.3+cu123torch2.4cxx11abiFALSE-cp310-cp310-linux_x86_64.whl",
        ),
        sources=(
            Source(
                "Stability-AI/stable-codec",
                "853554419944dbec11c39a29cf803e492aade836",
                paths=("stable_codec/fsq.py", "stable_codec/residual_fsq.py"),
                tree="a0c55dc71758ec1a2dc4b12f8f457c2ed9b1a4f309809fbd54b4d0001d93ef03",
            ),
        ),
        python="3.10",
        size=5_000_000_000,
    )
    worker = WORKERS / "stable_codec/worker.py"
    needs_gpu: ClassVar[bool] = True  # on a CPU the windows of its attention would be ignored

    @override
    def load(self, device: str = "cpu") -> None:
        if self.needs_gpu and not device.startswith("cuda"):
            raise UnavailableError(f"{self.name} runs on a GPU only, with FlashAttention: use --device cuda")
        super().load(device)


class MagiCodec(IsolatedCodec):
    """MagiCodec (Song et al., 2025), 16 kHz: a codebook of 131,072 entries at 50 Hz between two causal transformers.

    Upstream needs FlashAttention 2.3.6 and three more CUDA extensions, built from source for torch 2.5. Here the worker
    does what these compute (windowed attention, rotation, RMS norm) with torch; so it runs on a CPU too, in float32. On
    a GPU it takes bfloat16, as upstream does.

    Source:
        https://arxiv.org/abs/2506.00385, https://github.com/Ereboas/MagiCodec
    """

    name = "magicodec"
    environment = Environment(
        "magicodec",
        requirements=("einops>=0.6", "transformers>=5.23,<6"),
        sources=(
            Source(
                "Ereboas/MagiCodec",
                "5bd431abdd455bd31ffd2ad78d2e9b15cdfeb235",
                paths=("codec", "components", "roformer.py"),
                tree="ff3fb2106d453de3bf8ab649f0472f3485b7ece8b1687fb61101280ffecf811f",
            ),
        ),
        inherits=True,
        size=175_000_000,
    )
    worker = WORKERS / "magicodec/worker.py"
    packages = ("torch", "transformers")

    spec = neural(
        title="MagiCodec, 50 Hz",
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(131_072, hop=320),),
        parameters=209_700_000,
        causal=True,  # but for 40 ms that the decoder looks ahead
        streaming=True,
        licence="MIT",
        source="https://github.com/Ereboas/MagiCodec",
        weights=hugging_face("Ereboas/MagiCodec_16k_50hz", "MagiCodec-50Hz-Base.ckpt"),
    )


def _focalcodec(
    title: str, repository: str, frame_rate: float, size: int = 8192, *, is_stream: bool = False
) -> CodecSpec:
    """A checkpoint; those for streams give 24 kHz.

    Within a chunk of four frames the encoder of one for streams sees all of them, so that it has a latency of 80 ms and
    is not called causal.
    """
    return neural(
        title=title,
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=24_000 if is_stream else 16_000,
        codebooks=(Codebook(size, hop=round(16_000 / frame_rate)),),
        streaming=is_stream,
        licence="Apache-2.0",
        source="https://github.com/lucadellalib/focalcodec",
        weights=hugging_face(f"lucadellalib/{repository}", "config.json", "model.safetensors"),
    )


class FocalCodec(IsolatedCodec):
    """A checkpoint of FocalCodec (Della Libera et al., NeurIPS 2025), 16 kHz: a binary codebook over features of WavLM.

    Upstream drops the end of a recording that does not fill a frame; zeros are appended here, so that the tokens cover
    it.

    Source:
        https://arxiv.org/abs/2502.04465, https://arxiv.org/abs/2509.16195, https://github.com/lucadellalib/focalcodec
    """

    environment = Environment(
        "focalcodec",
        without_dependencies=("safetensors>=0.4",),
        sources=(
            Source(
                "lucadellalib/focalcodec",
                "912b7f2c0cd43d54a8aed296bbcc925dec7d4ea3",
                paths=("focalcodec",),
                tree="d1f8be2fe89ffb16c9418195c4fd79aee7df5c0c4c1f8d6bff48cfea8db80de7",
            ),
        ),
        inherits=True,
    )
    worker = WORKERS / "focalcodec/worker.py"


FOCALCODEC = FocalCodec.checkpoints(
    {
        # Trained on LibriTTS: 0.65, 0.33 and 0.16 kbit/s.
        "focalcodec-50hz": _focalcodec("FocalCodec, 50 Hz", "focalcodec_50hz", 50),
        "focalcodec-25hz": _focalcodec("FocalCodec, 25 Hz", "focalcodec_25hz", 25),
        "focalcodec-12.5hz": _focalcodec("FocalCodec, 12.5 Hz", "focalcodec_12_5hz", 12.5),
        # Trained on Libri-Light: 0.8, 0.6 and 0.55 kbit/s.
        **{
            f"focalcodec-stream-{name}": _focalcodec(
                f"FocalCodec-Stream, {size} entries", f"focalcodec_50hz_{name}_causal", 50, size, is_stream=True
            )
            for name, size in (("65k", 65_536), ("4k", 4096), ("2k", 2048))
        },
    }
)


def _nemo_codec(
    title: str, repository: str, hop: int, count: int, size: int = 2016, licence: str = "NVIDIA Open Model License"
) -> CodecSpec:
    """A checkpoint with `count` codebooks of `size` entries; one with another hop than the worker gets is refused."""
    return neural(
        title=title,
        group=Group.ACOUSTIC,
        input_rate=22_050,
        output_rate=22_050,
        codebooks=(Codebook(size, hop),) * count,
        causal=None,
        licence="Apache-2.0",
        weights_licence=licence,
        source=f"https://huggingface.co/nvidia/{repository}",
        weights=hugging_face(f"nvidia/{repository}", f"{repository}.nemo"),
        min_samples=8820,  # 0.4 s: the first layers mirror the ends of what they see
        configuration=str(hop),
    )


class NemoCodec(IsolatedCodec):
    """A codec of NVIDIA NeMo, 22.05 kHz: NanoCodec (Casanova et al., Interspeech 2025), and the audio codec before it.

    Their codebooks are groups of finite scalar quantizers side by side, all of which are needed.

    Source:
        https://arxiv.org/abs/2508.05835, https://arxiv.org/abs/2406.05298, https://github.com/NVIDIA/NeMo
    """

    any_prefix = False
    environment = Environment(
        "nemo-codec",
        # Two of its modules are all that is needed, and import none of the 2.5 GB that it depends on.
        without_dependencies=("nemo_toolkit==2.7.3", "einops>=0.6"),
        inherits=True,
        borrowed=("transformers>=4.50,<6",),
        size=210_000_000,
    )
    worker = WORKERS / "nemo_codec/worker.py"


NEMO_CODEC = NemoCodec.checkpoints(
    {
        "nemo-nanocodec-1.89k": _nemo_codec(
            "NeMo NanoCodec, 1.89 kbit/s", "nemo-nano-codec-22khz-1.89kbps-21.5fps", hop=1024, count=8
        ),
        "nemo-nanocodec-1.78k": _nemo_codec(
            "NeMo NanoCodec, 1.78 kbit/s", "nemo-nano-codec-22khz-1.78kbps-12.5fps", hop=1764, count=13
        ),
        # Its makers do not recommend it for speakers that it was not tuned to.
        "nemo-nanocodec-0.6k": _nemo_codec(
            "NeMo NanoCodec, 0.6 kbit/s", "nemo-nano-codec-22khz-0.6kbps-12.5fps", hop=1764, count=4, size=4032
        ),
        # 86.1 frames/s, 6.9 kbit/s.
        "nemo-audio-codec-22khz": _nemo_codec(
            "NeMo Audio Codec, 22 kHz", "audio-codec-22khz", hop=256, count=8, size=1000, licence="NSCLv1"
        ),
    }
)


def _l3ac(package: str, name: str, rate: int, hop: int, window: int, size: int, parameters: int) -> CodecSpec:
    """A configuration of a package; SQ-Codec fills recordings up to whole windows of its attention."""
    title, repository, version = {
        "l3ac": ("L3AC", "L3AC", "v1"),
        "sq_codec": ("SQ-Codec", "SQCodec", "v0"),
    }[package]
    parts = ("encoder", "quantizer", "decoder", "en_encoder", "en_decoder")
    kbps = rate / hop * Codebook(size, hop).bits / 1000
    return neural(
        title=f"{title}, {kbps:.2g} kbit/s" + (", 24 kHz" if rate == 24_000 else ""),
        group=Group.ACOUSTIC,
        input_rate=rate,
        output_rate=rate,
        codebooks=(Codebook(size, hop),),
        parameters=parameters,
        licence="MIT",
        source=f"https://github.com/zhai-lw/{repository}",
        weights=hugging_face(f"zhai-lw/{repository}", *(f"weights/{name}.{version}/{part}.pt" for part in parts)),
        configuration=f"{package} {name}",
        min_samples=hop + 1,  # two frames: one alone has no variance, by which the decoder divides
        padding=window,
    )


class L3ac(IsolatedCodec):
    """A model of L3AC (Zhai et al., 2025) or of SQ-Codec before it: one finite scalar quantizer and few parameters.

    7^6 entries, or 9^3 x 7^3 at the higher rates. The packages leave their networks in training mode, where noise takes
    the place of some values; here they are evaluated. The 24 kHz model of 12 kbit/s calls itself one for 16 kHz.

    SQ-Codec codes whole windows of its attention, so recordings last up to 4.5 s longer in tokens, all of which count.

    Source:
        https://arxiv.org/abs/2504.04949, https://github.com/zhai-lw/L3AC, https://github.com/zhai-lw/SQCodec
    """

    environment = Environment(
        "l3ac",
        # What they declare would bring another torch; these are the modules that coding needs.
        without_dependencies=(
            "l3ac==1.0",
            "sq-codec==0.0.1",
            "einops>=0.8",
            "einx==0.3.0",
            "frozendict>=2",
            "hyper-connections==0.1.15",
            "local-attention==1.11.2",
            "vector-quantize-pytorch==1.17.8",
        ),
        requirements=("pydantic-settings>=2.1", "requests>=2"),
        inherits=True,
        oldest_python="3.11",
    )
    worker = WORKERS / "l3ac/worker.py"


L3AC = L3ac.checkpoints(
    {
        "l3ac-0.75k": _l3ac("l3ac", "0k75bps", 16_000, 360, 0, 7**6, 11_289_700),
        "l3ac-1k": _l3ac("l3ac", "1kbps", 16_000, 270, 0, 7**6, 11_271_268),
        "l3ac-1.5k": _l3ac("l3ac", "1k5bps", 16_000, 180, 0, 7**6, 11_254_884),
        "l3ac-3k": _l3ac("l3ac", "3kbps", 16_000, 96, 0, 9**3 * 7**3, 10_307_288),
        "sq-codec-0.75k": _l3ac("sq_codec", "0k75bps", 16_000, 360, 72_000, 7**6, 15_179_044),
        "sq-codec-1.5k": _l3ac("sq_codec", "1k5bps", 16_000, 180, 54_000, 7**6, 15_095_076),
        "sq-codec-3k": _l3ac("sq_codec", "3kbps", 16_000, 90, 36_000, 7**6, 11_256_344),
        "sq-codec-6k": _l3ac("sq_codec", "6kbps", 16_000, 45, 13_500, 7**6, 11_207_436),
        "sq-codec-12k": _l3ac("sq_codec", "12kbps", 16_000, 24, 9600, 9**3 * 7**3, 11_182_092),
        "sq-codec-12k-24khz": _l3ac("sq_codec", "12kbps_24khz", 24_000, 36, 14_400, 9**3 * 7**3, 11_218_956),
        "sq-codec-24k-24khz": _l3ac("sq_codec", "24kbps_24khz", 24_000, 18, 10_800, 9**3 * 7**3, 11_163_660),
    }
)


class Auv(IsolatedCodec):
    """AUV (Chen et al., 2025), 16 kHz: one codebook of 20,480 entries at 50 Hz for speech, singing, music and sounds.

    0.716 kbit/s: training gave each kind of audio a part of the codebook, speech the first 8192 entries (0.65 kbit/s);
    coding looks for the nearest of all, as the package does where nobody says what is heard. It codes whole frames,
    and two at least; zeros fill the last one.

    Source:
        https://arxiv.org/abs/2509.21968, https://github.com/SWivid/AUV
    """

    name = "auv"
    environment = Environment(
        "auv", without_dependencies=("auv==0.1.1", "einops>=0.6"), inherits=True, borrowed=("torchaudio",)
    )
    worker = WORKERS / "auv/worker.py"

    spec = neural(
        title="AUV",
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(20_480, hop=320),),
        parameters=122_628_882,
        licence="MIT",
        weights_licence="MIT",
        source="https://github.com/SWivid/AUV",
        weights=hugging_face("SWivid/AUV", "auv.pt"),
        padding=320,
    )


class Spine(IsolatedCodec):
    """Spine 0.1.0 (2026), 24 kHz: finite scalar quantizers at 5.9, 11.7, 23.4 and 46.9 Hz, coarse first, 1.57 kbit/s.

    Any number of the slower ones can be decoded alone, which its author does not train for. Its decoder adds noise,
    which is seeded. Recordings get whole frames of the slowest, 0.17 s. The wheel asks for Python 3.12; the source that
    is used here does without.

    Source:
        https://github.com/twangodev/spine-codec
    """

    name = "spine"
    prefixes = (1, 2, 3, 4)
    environment = Environment(
        "spine",
        without_dependencies=("einops>=0.8", "einx==0.3.0", "frozendict>=2", "vector-quantize-pytorch==1.17.8"),
        sources=(
            Source(
                "twangodev/spine-codec",
                "b800cce9692e6f79726e5d7008bb9dea43e43a7b",
                paths=("spine",),
                tree="3e9e0c2bf20a5167a8dc5b384d94757ab265806b97e24715369168731e95c1e8",
            ),
        ),
        inherits=True,
        borrowed=("safetensors>=0.4",),
    )
    worker = WORKERS / "spine/worker.py"

    spec = neural(
        title="Spine",
        group=Group.ACOUSTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(
            Codebook(5**4, hop=4096),
            Codebook(8 * 5**4, hop=2048),
            Codebook(8 * 6 * 5**6, hop=1024),
            Codebook(8 * 6 * 5**6, hop=512),
        ),
        parameters=115_280_950,
        licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/twangodev/spine-codec",
        weights=hugging_face("twangodev/spine-codec", "config.json", "model.safetensors"),
    )


def _codecslime(variant: str, size: int, rate: int) -> CodecSpec:
    """A variant at a number of segments per second; at 80 all of them last one frame, so that no duration is sent."""
    hop = 16_000 // rate
    codes, durations = Codebook(size, hop), Codebook(4, hop)
    return neural(
        title=f"CodecSlime {variant.upper()}, {rate} Hz",
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(codes,) if rate == 80 else (codes, durations),
        counted_otherwise=() if rate == 80 else (("without durations", rate * codes.bits),),
        licence="MIT",
        weights_licence="CC-BY-4.0",
        source="https://github.com/X-LANCE/codecslime",
        weights=(
            RemoteFile(
                f"codecslime/codecslime-{variant}.safetensors",
                source="https://github.com/X-LANCE/codecslime/releases/download/v0.1.0/"
                f"codecslime-{variant}.safetensors",
            ),
        ),
        configuration=f"{variant} {rate}",
    )


class CodecSlimeVq(IsolatedCodec):
    """CodecSlime (Wang et al., 2025), 16 kHz, over a codebook of 8192: frames of 80 Hz merged into segments of 1 to 4.

    At 40 segments/s a code and its duration, which the decoder needs, take 13 + 2 bits, 0.6 kbit/s. The paper counts
    the codes alone, 0.52; `counted_otherwise` has that. How many segments there are depends on the length alone, where
    they end on the audio. Finding that takes time that grows with the square of the length.

    Source:
        https://arxiv.org/abs/2506.21074, https://github.com/X-LANCE/codecslime
    """

    name = "codecslime-vq8k"
    any_prefix = False
    specs: ClassVar[Mapping[str, CodecSpec]] = {f"{rate}hz": _codecslime("vq8k", 8192, rate) for rate in (40, 80)}
    modes = tuple(specs)
    environment = Environment(
        "codecslime",
        without_dependencies=("einops>=0.6",),
        sources=(
            Source(
                "X-LANCE/codecslime",
                "bbe92ac72427464212c9e94de45efa5306e50e28",
                paths=("src/codecslime",),
                tree="7aebac8638798b6c43d277746259be9a269aa267332030d3945ba14158e0ab16",
            ),
        ),
        inherits=True,
        borrowed=("safetensors>=0.4",),
    )
    worker = WORKERS / "codecslime/worker.py"
    call_timeout = 1800.0


class CodecSlimeFsq(CodecSlimeVq):
    """CodecSlime over a finite scalar quantizer of 18,225 values: 0.646 kbit/s at 40 segments/s."""

    name = "codecslime-fsq18k"
    specs: ClassVar[Mapping[str, CodecSpec]] = {f"{rate}hz": _codecslime("fsq18k", 18_225, rate) for rate in (40, 80)}
    modes = tuple(specs)


class MossAudioTokenizer(IsolatedCodec):
    """MOSS-Audio-Tokenizer (OpenMOSS, 2026), 24 kHz, 1.6 billion parameters: 32 codebooks at 12.5 Hz, 4 kbit/s.

    Recordings are filled up to whole frames, because upstream codes what lies in the last one as silence where it is
    not full. They are coded one by one in float32: in bfloat16 upstream's codes depend on the batch. Its classes come
    from the source at a commit, and nothing that lies beside the weights is run.

    Source:
        https://github.com/OpenMOSS/MOSS-Audio-Tokenizer
    """

    name = "moss-audio-tokenizer"
    prefixes = (1, 4, 6, 8, 12, 16, 24, 32)
    environment = Environment(
        "moss-audio-tokenizer",
        requirements=("transformers>=5.23,<6",),
        sources=(
            Source(
                "OpenMOSS/MOSS-Audio-Tokenizer",
                "56df9eeb88f7236419dbf6328cd2e51f4dc21eeb",
                paths=("configuration_moss_audio_tokenizer.py", "modeling_moss_audio_tokenizer.py"),
                tree="696ff2fb0fa47d2c0228b9ae3ff62882fed32ed9dd6dbfd4943fb753f31c5c88",
            ),
        ),
        inherits=True,
        size=175_000_000,
    )
    worker = WORKERS / "moss/worker.py"
    packages = ("torch", "transformers")
    call_timeout = 3600.0

    spec = CodecSpec(
        title="MOSS-Audio-Tokenizer",
        group=Group.ACOUSTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(1024, hop=1920),) * 32,
        parameters=1_600_000_000,  # as its makers round it
        causal=True,
        streaming=True,
        licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/OpenMOSS/MOSS-Audio-Tokenizer",
        weights=hugging_face(
            "OpenMOSS-Team/MOSS-Audio-Tokenizer",
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
        ),
    )


class BigVgan(IsolatedCodec):
    """Mel spectrogram and BigVGAN v2 (Lee et al., 2023), 24 kHz, 100 bands, hop 256: what synthesis alone costs.

    Nothing is quantised, so there is no payload to compare. The LongCat paper does not say whether its row is version 1
    or 2.

    Source:
        https://arxiv.org/abs/2206.04658, https://github.com/NVIDIA/BigVGAN
    """

    name = "bigvgan"
    environment = Environment(
        "bigvgan",
        sources=(
            Source(
                "NVIDIA/BigVGAN",
                "7d2b454564a6c7d014227f635b7423881f14bdac",
                paths=("activations.py", "alias_free_activation", "bigvgan.py", "env.py", "meldataset.py", "utils.py"),
                tree="4d39e0a219f3fda8d58d228d2805b0e252e664d7bacabc99fe244bd85dfacd80",
            ),
        ),
        inherits=True,
        borrowed=("tqdm>=4.60",),
    )
    worker = WORKERS / "bigvgan/worker.py"

    spec = neural(
        title="Mel + BigVGAN v2 (100 band)",
        group=Group.REFERENCE,
        input_rate=24_000,
        output_rate=24_000,
        hop=256,
        parameters=112_450_000,
        licence="MIT",
        source="https://github.com/NVIDIA/BigVGAN",
        weights=hugging_face("nvidia/bigvgan_v2_24khz_100band_256x", "config.json", "bigvgan_generator.pt"),
        min_samples=1024,
    )
    side_value_bits = 0
