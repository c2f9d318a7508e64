"""Small random weights in the published layout, for the codecs that are packages of PyPI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

NAMES = (
    "snac-24khz",
    "snac-32khz",
    "snac-44khz",
    "vocos-encodec",
    "speechtokenizer",
    "s3tokenizer-v1-50hz",
    "s3tokenizer-v1-25hz",
    "s3tokenizer-v2-25hz",
    "s3tokenizer-v3-25hz",
    "hubert-km1000",
    "mhubert-km500-25hz",
)

SNAC = {
    "sampling_rate": 24_000,
    "encoder_dim": 4,
    "encoder_rates": [2, 4, 8, 8],
    "decoder_dim": 32,
    "decoder_rates": [8, 8, 4, 2],
    "attn_window_size": None,
    "codebook_size": 4096,
    "codebook_dim": 8,
    "vq_strides": [4, 2, 1],
    "noise": True,
    "depthwise": True,
}

SNAC_MUSIC = SNAC | {
    "encoder_rates": [2, 3, 8, 8],
    "decoder_rates": [8, 8, 3, 2],
    "attn_window_size": 32,
    "vq_strides": [8, 4, 2, 1],
    "encoder_dim": 8,  # 128 at its end, two heads of attention
    "decoder_dim": 64,
}

SPEECHTOKENIZER = {
    "n_filters": 2,
    "strides": [8, 5, 4, 2],
    "dimension": 32,
    "semantic_dimension": 24,
    "bidirectional": True,
    "dilation_base": 2,
    "residual_kernel_size": 3,
    "n_residual_layers": 1,
    "lstm_layers": 2,
    "activation": "ELU",
    "codebook_size": 1024,
    "n_q": 8,
    "sample_rate": 16_000,
}

VOCOS: dict[str, Any] = {
    "feature_extractor": {
        "class_path": "vocos.feature_extractors.EncodecFeatures",
        "init_args": {"encodec_model": "encodec_24khz", "bandwidths": [1.5, 3.0, 6.0, 12.0], "train_codebooks": False},
    },
    "backbone": {
        "class_path": "vocos.models.VocosBackbone",
        "init_args": {
            "input_channels": 128,
            "dim": 24,
            "intermediate_dim": 48,
            "num_layers": 2,
            "adanorm_num_embeddings": 4,
        },
    },
    "head": {
        "class_path": "vocos.heads.ISTFTHead",
        "init_args": {"dim": 24, "n_fft": 1280, "hop_length": 320, "padding": "same"},
    },
}

UNIT_RATES = {
    "hubert-km1000": ([5, 4, 4, 2, 2], [11, 8, 8, 4, 4]),
    "mhubert-km500-25hz": ([5, 4, 4, 4, 2], [11, 8, 8, 8, 4]),
}
"""Steps of the vocoders of units, and their kernels."""

S3TOKENIZER = {"n_mels": 128, "n_audio_state": 64, "n_audio_head": 1}


def build(name: str, mirror: Path) -> Path | None:
    """Writes the weights of a codec of a small size, the same for each call.

    Args:
        name: One of `NAMES`.
        mirror: Where they go; a folder for `CODEC_BENCH_MIRROR`.

    Returns:
        What to give to `use_checkpoint`, for codecs whose published files have a digest; None for the others, which
        find their files in the mirror.
    """
    torch.manual_seed(1)
    if name.startswith("snac"):
        rate = int(name[5:7]) * 1000 + (name == "snac-44khz") * 100
        config = (SNAC if rate == 24_000 else SNAC_MUSIC) | {"sampling_rate": rate}
        return snac(mirror / f"hf/hubertsiuzdak/snac_{name[5:]}", config)
    if name == "speechtokenizer":
        return speechtokenizer(mirror / "hf/fnlp/SpeechTokenizer/speechtokenizer_hubert_avg")
    if name == "vocos-encodec":
        encodec(mirror / "hf/facebook/encodec_24khz")
        return vocos(mirror / "hf/charactr/vocos-encodec-24khz", mirror / "hf/facebook/encodec_24khz")
    if name in UNIT_RATES:
        return units(name, mirror / "small" / name)
    return s3tokenizer(name, mirror / "small")


def snac(folder: Path, config: dict[str, Any]) -> None:
    import snac as package

    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    model = stirred(package.SNAC(**config))
    spread(model.encoder, model.encoder.block[-1])
    torch.save(model.state_dict(), folder / "pytorch_model.bin")


def speechtokenizer(folder: Path) -> None:
    from codec_bench.adapters.speechtokenizer import _model_class

    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(SPEECHTOKENIZER))
    model = stirred(_model_class()(SPEECHTOKENIZER))
    spread(model.encoder, model.encoder.model[-1].conv.conv)
    torch.save(model.state_dict(), folder / "SpeechTokenizer.pt")


def encodec(folder: Path) -> None:
    """EnCodec as transformers saves it; of full size, since the package encodec has no other."""
    from transformers import EncodecConfig, EncodecModel

    model = stirred(EncodecModel(EncodecConfig()))
    spread(model.encoder, model.encoder.layers[-1].conv)
    model.save_pretrained(folder)


def vocos(folder: Path, encodec: Path) -> None:
    from safetensors.torch import load_file
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone

    tensors = load_file(encodec / "model.safetensors")
    codebooks = torch.cat([tensors[f"quantizer.layers.{i}.codebook.embed"] for i in range(16)])
    parts = {
        "backbone": VocosBackbone(**VOCOS["backbone"]["init_args"]),
        "head": ISTFTHead(**VOCOS["head"]["init_args"]),
    }
    state = {f"{part}.{n}": t for part, module in parts.items() for n, t in stirred(module).state_dict().items()}
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(VOCOS))
    torch.save({"feature_extractor.codebook_weights": codebooks, **state}, folder / "pytorch_model.bin")


def s3tokenizer(name: str, folder: Path) -> Path:
    """An ONNX file whose names are those that the package looks for; what it computes is not in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    state = {key: tensor.numpy() for key, tensor in s3tokenizer_model(name).state_dict().items()}
    write_onnx(path, onnx_parts(name, state))
    return path


def s3tokenizer_model(name: str) -> torch.nn.Module:
    """The package's model with small random weights, the same for each call."""
    from s3tokenizer.model import ModelConfig, S3Tokenizer
    from s3tokenizer.model_v2 import ModelConfig as ModelConfigV2
    from s3tokenizer.model_v2 import S3TokenizerV2
    from s3tokenizer.model_v3 import ModelConfigV3, S3TokenizerV3

    torch.manual_seed(2)
    made = {
        "s3tokenizer-v1-50hz": lambda: S3Tokenizer("speech_tokenizer_v1", ModelConfig(**S3TOKENIZER)),
        "s3tokenizer-v1-25hz": lambda: S3Tokenizer("speech_tokenizer_v1_25hz", ModelConfig(**S3TOKENIZER)),
        "s3tokenizer-v2-25hz": lambda: S3TokenizerV2("speech_tokenizer_v2_25hz", ModelConfigV2(**S3TOKENIZER)),
        "s3tokenizer-v3-25hz": lambda: S3TokenizerV3("speech_tokenizer_v3_25hz", ModelConfigV3(**S3TOKENIZER)),
    }
    return stirred(made[name]()).eval()


Array = NDArray[np.float32]
Part = tuple[str, str, list[tuple[str, Array]]]
"""A node: its name, its operation, and its tensors with their names."""


def onnx_parts(name: str, state: dict[str, Array]) -> list[Part]:
    """The nodes of an exported model that hold tensors, named as in the published files of each version."""
    first = {"v1-50hz": "onnx::Conv_1519", "v2-25hz": "onnx::Conv_2216"}.get(name.removeprefix("s3tokenizer-"))
    numbers = [f"onnx::Conv_{int(first[-4:]) + i}" for i in range(4)] if first else []
    plain = [f"encoders.conv{i}.{kind}" for i in (1, 2) for kind in ("weight", "bias")]
    convolutions = iter(numbers or plain)
    parts: list[Part] = []
    for i in (1, 2):
        tensors = [(next(convolutions), state[f"encoder.conv{i}.{kind}"]) for kind in ("weight", "bias")]
        parts.append((f"/conv{i}/Conv", "Conv", tensors))
    for key, array in state.items():
        words = key.split(".")
        if key == "encoder.positional_embedding":
            parts.append(("/Slice", "Slice", [("encoders.positional_embedding", array)]))
        elif words[:2] == ["encoder", "blocks"]:
            parts += block_parts(name, "/".join([f"/blocks.{words[2]}", *words[3:-1]]), key, state)
    if "v1" in name:
        codebook = ("embed", state["quantizer._codebook.embed"].T)
        return [*parts, ("/quantizer/rq/model/layers.0/_codebook/Pow_1", "Pow", [codebook])]
    down = "quantizer._codebook.project_down"
    return [
        *parts,
        ("/quantizer/project_in/MatMul", "MatMul", [("onnx::MatMul_2536", state[f"{down}.weight"].T)]),
        ("/quantizer/project_in/Add", "Add", [("quantizer.project_in.bias", state[f"{down}.bias"])]),
    ]


def block_parts(name: str, node: str, key: str, state: dict[str, Array]) -> list[Part]:
    array, kind = state[key], key.rsplit(".", 1)[1]
    node = node.replace("/mlp/", "/mlp/mlp.")
    if "fsmn_block" in node:
        return [(f"{node}/Conv", "Conv", [(key.removeprefix("encoder."), array)])]
    if node.endswith("_ln") and "v2" in name:
        both = [(f"onnx::{key}", array), (f"onnx::{key}.bias", state[key.replace("weight", "bias")])]
        return [(f"{node}/LayerNormalization", "LayerNormalization", both)] if kind == "weight" else []
    if node.endswith("_ln"):
        operation = "Mul" if kind == "weight" else "Add"
        return [(f"{node}/{'Mul' if kind == 'weight' else 'Add_1'}", operation, [(f"onnx::{key}", array)])]
    operation = "MatMul" if kind == "weight" else "Add"
    return [(f"{node}/{operation}", operation, [(f"onnx::{key}", array.T)])]


def write_onnx(path: Path, parts: list[Part]) -> None:
    import onnx
    from onnx import helper, numpy_helper

    nodes = [
        helper.make_node(operation, [f"{name}_input", *(key for key, _ in tensors)], [f"{name}_output"], name=name)
        for name, operation, tensors in parts
    ]
    tensors = [numpy_helper.from_array(np.ascontiguousarray(a), key) for _, _, held in parts for key, a in held]
    onnx.save(helper.make_model(helper.make_graph(nodes, "small", [], [], tensors)), path)


def stirred(model: torch.nn.Module) -> torch.nn.Module:
    """The model with random values wherever it starts with constants: codebooks, biases, norms."""
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith("inited"):
                tensor.fill_(1)  # or quantizers would make codebooks from the first recording that they see
            elif tensor.is_floating_point() and tensor.numel() > 1 and "window" not in name and tensor.std() == 0:
                tensor.add_(torch.randn_like(tensor) * 0.3)
    return model


def spread(encoder: torch.nn.Module, last: Any) -> None:
    """Scales an encoder's last convolution so that its output varies over time by about 1, around 0.

    Random weights would else give each frame nearly the same output, and every recording the same few codes.
    """
    with torch.no_grad():
        bursts = torch.randn(1, 1, 16_384) * torch.linspace(0, 12, 16_384).sin()
        output = encoder(bursts)[0]
        scale = output.std(dim=1).mean()
        gain = last.weight_g if hasattr(last, "weight_g") else last.parametrizations.weight.original0
        gain.div_(scale)
        last.bias.copy_((last.bias - output.mean(dim=1)) / scale)


def units(name: str, folder: Path) -> Path:
    """HuBERT, clusters that its features fall into, and a vocoder whose weights are the same everywhere."""
    import joblib
    from sklearn.cluster import MiniBatchKMeans
    from transformers import HubertConfig, HubertModel

    from codec_bench.adapters import CODECS

    spec = CODECS.get(name).spec
    size, more = spec.codebooks[0].size, spec.codebooks[0].hop // 640
    config = HubertConfig(
        hidden_size=16,
        num_hidden_layers=11,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * (7 + more),
        conv_stride=(5, 2, 2, 2, 2, 2, 2) + (2,) * more,
        conv_kernel=(10, 3, 3, 3, 3, 2, 2) + (2,) * more,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    model = HubertModel(config).eval()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 0.5 * (len(parameter) / parameter.numel()) ** 0.5)
        noise = torch.randn(1, 32_000)
        features = model(noise, output_hidden_states=True).hidden_states[11][0].numpy()
    model.save_pretrained(folder)
    random = np.random.default_rng(0)
    clusters = MiniBatchKMeans(n_clusters=2, n_init=1, max_iter=1, random_state=np.random.RandomState(0)).fit(features)
    near = np.resize(features, (size, 16)) + 0.3 * random.standard_normal((size, 16))
    clusters.cluster_centers_ = near.astype(np.float32)  # what predicting looks at; finding so many takes long
    files = [folder / weight.path.rpartition("/")[2] for weight in spec.weights]
    joblib.dump(clusters, files[2])
    rates, kernels = UNIT_RATES[name]
    sizes = {
        "num_embeddings": size,
        "embedding_dim": 8,
        "model_in_dim": 8,
        "upsample_rates": rates,
        "upsample_kernel_sizes": kernels,
        "upsample_initial_channel": 32,
        "resblock_kernel_sizes": [3, 7],
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]],
        "dur_predictor_params": {
            "encoder_embed_dim": 8, "var_pred_hidden_dim": 8, "var_pred_kernel_size": 3, "var_pred_dropout": 0.5,
        },
    }  # fmt: skip
    files[4].write_text(json.dumps(sizes))
    torch.save({"generator": unit_vocoder(sizes)}, files[3])
    return folder


def unit_vocoder(sizes: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors of a unit HiFi-GAN, as fairseq names them; from NumPy's generator, whose numbers stay the same."""
    width, channels = sizes["embedding_dim"], sizes["upsample_initial_channel"]
    shapes: dict[str, tuple[int, ...]] = {"conv_pre": (channels, sizes["model_in_dim"], 7)}
    for step, kernel in enumerate(sizes["upsample_kernel_sizes"]):
        channels //= 2
        shapes[f"ups.{step}"] = (2 * channels, channels, kernel)
        for block, size in enumerate(sizes["resblock_kernel_sizes"]):
            number = step * len(sizes["resblock_kernel_sizes"]) + block
            for part in ("convs1", "convs2"):
                shapes |= {f"resblocks.{number}.{part}.{i}": (channels, channels, size) for i in range(3)}
    shapes["conv_post"] = (1, channels, 7)
    random = np.random.default_rng(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.from_numpy(random.standard_normal(shape).astype(np.float32))

    state = {"dict.weight": drawn(sizes["num_embeddings"], width)}
    for layer, shape in shapes.items():
        state[f"{layer}.bias"] = 0.02 * drawn(shape[1] if layer.startswith("ups.") else shape[0])
        state[f"{layer}.weight_g"] = 1.2 + 0.1 * drawn(shape[0], 1, 1)
        state[f"{layer}.weight_v"] = drawn(*shape)
    hidden = sizes["dur_predictor_params"]["var_pred_hidden_dim"]
    for part in ("1", "2"):
        state |= {f"dur_predictor.conv{part}.0.weight": drawn(hidden, hidden, 3)}
        state |= {f"dur_predictor.conv{part}.0.bias": drawn(hidden)}
        state |= {f"dur_predictor.ln{part}.{name}": drawn(hidden) for name in ("weight", "bias")}
    return state | {"dur_predictor.proj.weight": drawn(1, hidden), "dur_predictor.proj.bias": drawn(1)}
