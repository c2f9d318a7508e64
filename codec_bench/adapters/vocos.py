"""Vocos as a decoder of EnCodec's codes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from codec_bench.adapters.neural import neural
from codec_bench.adapters.packages import PackageCodec, check_config, importing, load_state, read_state
from codec_bench.adapters.spec import Group
from codec_bench.errors import UnavailableError
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook, IntArray

RATE = 24_000
HOP = 320
COUNTS = (2, 4, 8, 16)
"""Codebooks at each of the bandwidths that the decoder knows, in the order of its `bandwidth_id`."""

BANDWIDTHS = [1.5, 3.0, 6.0, 12.0]
"""In kbit/s, as EnCodec names them."""

CLASSES = {
    "feature_extractor": "vocos.feature_extractors.EncodecFeatures",
    "backbone": "vocos.models.VocosBackbone",
    "head": "vocos.heads.ISTFTHead",
}
"""The classes of the published configuration; one with others is refused, since it could name anything."""

ENCODEC_NAMES = (
    (".parametrizations.weight.original0", ".weight_g"),
    (".parametrizations.weight.original1", ".weight_v"),
    (".conv.", ".conv.conv."),
    (".codebook.", "._codebook."),
)
"""What a tensor of EnCodec is called in transformers, and in the package encodec, which numbers the layers alike."""


class VocosEncodec(PackageCodec):
    """EnCodec's codes at 1.5, 3, 6 or 12 kbit/s, decoded by Vocos: 75 frames/s, 2, 4, 8 or 16 codebooks.

    The decoder is conditioned on the bandwidth, so other numbers of codebooks have no decoder. EnCodec's weights are
    those that Hugging Face publishes for transformers; the package encodec, which Vocos is made for, runs them.

    `spec.parameters` counts Vocos, the codebooks and EnCodec's encoder; EnCodec's decoder is not used.

    Source:
        Siuzdak, "Vocos: Closing the gap between time-domain and Fourier-based neural vocoders for high-quality audio
        synthesis", ICLR 2024; https://github.com/gemelo-ai/vocos
    """

    name: ClassVar[str] = "vocos-encodec"
    packages: ClassVar[tuple[str, ...]] = ("torch", "vocos", "encodec")
    prefixes: ClassVar[tuple[int, ...]] = COUNTS
    modules: ClassVar[tuple[str, ...]] = ("vocos", "encodec", "einops", "huggingface_hub", "safetensors", "torchaudio")
    extra: ClassVar[str] = "vocos"
    checkpoint_file: ClassVar[str] = "pytorch_model.bin"

    any_prefix: ClassVar[bool] = False
    spec = neural(
        title="Vocos (EnCodec 24 kHz)",
        group=Group.ACOUSTIC,
        input_rate=RATE,
        output_rate=RATE,
        codebooks=(Codebook(1024, HOP),) * COUNTS[-1],
        parameters=17_507_202,
        licence="MIT",
        source="https://github.com/gemelo-ai/vocos",
        weights=(
            *hugging_face("charactr/vocos-encodec-24khz", "config.yaml", "pytorch_model.bin"),
            *hugging_face("facebook/encodec_24khz", "model.safetensors"),
        ),
    )

    def _load(self, folder: Path) -> Any:
        with importing("vocos"):
            from vocos.heads import ISTFTHead
            from vocos.models import VocosBackbone
            from vocos.pretrained import Vocos
        parts = _read_config(folder / "config.yaml")
        encodec = _encodec(folder / "model.safetensors")
        try:
            model = Vocos(_features(encodec), VocosBackbone(**parts["backbone"]), ISTFTHead(**parts["head"]))
        except TypeError as error:
            raise UnavailableError(f"config.yaml is not a configuration of {self.name}: {error}") from error
        check_config("config.yaml", {"hop_length": model.head.istft.hop_length}, {"hop_length": HOP})
        state = read_state(folder / "pytorch_model.bin")
        state |= {f"feature_extractor.encodec.{name}": tensor for name, tensor in encodec.state_dict().items()}
        load_state(model, state, "pytorch_model.bin")
        return model.eval()

    def _codes(self, samples: Any) -> list[IntArray]:
        return list(self._model.feature_extractor.get_encodec_codes(samples[None])[:, 0].cpu().numpy())

    def _samples(self, codes: list[Any]) -> Any:
        import torch

        features = self._model.codes_to_features(torch.stack(codes))
        bandwidth = torch.tensor([COUNTS.index(len(codes))], device=features.device)
        return self._model.decode(features, bandwidth_id=bandwidth)[0]

    def _quantized(self, codes: list[Any]) -> Any:
        import torch

        return self._model.codes_to_features(torch.stack(codes))[0].T


def _read_config(path: Path) -> dict[str, Mapping[str, Any]]:
    """The arguments of the model's three parts."""
    import yaml

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        check_config(path.name, {part: config[part]["class_path"] for part in CLASSES}, CLASSES)
        parts = {part: config[part].get("init_args", {}) for part in CLASSES}
        features = {"encodec_model": "encodec_24khz", "bandwidths": BANDWIDTHS} | parts["feature_extractor"]
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnavailableError(f"{path.name} is not a configuration of Vocos: {type(error).__name__}") from error
    check_config(path.name, features, {"encodec_model": "encodec_24khz", "bandwidths": BANDWIDTHS})
    return parts


def _encodec(path: Path) -> Any:
    """EnCodec of the package encodec, without the decoder, with the weights of a file made for transformers."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with importing("encodec"):
        from encodec.model import EncodecModel
    import torch

    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise UnavailableError(f"{path.name} is not a safetensors file: {error}") from error
    model = EncodecModel.encodec_model_24khz(pretrained=False)
    model.decoder = torch.nn.Identity()
    for part, theirs, ours in (("encoder", "encoder.layers.", "model."), ("quantizer", "quantizer.", "vq.")):
        state = {_renamed(ours + name[len(theirs) :]): t for name, t in tensors.items() if name.startswith(theirs)}
        load_state(getattr(model, part), state, path.name)
    model.set_target_bandwidth(BANDWIDTHS[-1])
    return model.eval()


def _renamed(name: str) -> str:
    for theirs, ours in ENCODEC_NAMES:
        name = name.replace(theirs, ours)
    return name


def _features(encodec: Any) -> Any:
    """The package's extractor around a local model; its own constructor downloads one."""
    import torch
    from vocos.feature_extractors import EncodecFeatures

    class Features(EncodecFeatures):  # type: ignore[misc]
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)
            self.encodec = encodec.requires_grad_(False)
            self.num_q = COUNTS[-1]
            codebooks = [layer.codebook for layer in encodec.quantizer.vq.layers[: self.num_q]]
            self.codebook_weights = torch.nn.Parameter(torch.cat(codebooks), requires_grad=False)
            self.bandwidths = BANDWIDTHS

    return Features()
