"""Units of a multilingual HuBERT: k-means of what one of its layers gives, and a HiFi-GAN that speaks them.

HuBERT and HiFi-GAN are those of transformers; clusters and vocoders are files of fairseq and textlesslib.
"""

from __future__ import annotations

import inspect
import json
import pickle
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.neural import neural
from codec_bench.adapters.packages import check_config, load_state, read_state
from codec_bench.adapters.spec import Group
from codec_bench.adapters.transformers.codec import CONFIG_FILE, WEIGHTS_FILE, TransformersCodec
from codec_bench.errors import UnavailableError, first_line
from codec_bench.extras import silent_transformers
from codec_bench.hub import RemoteFile, hugging_face
from codec_bench.tokens import Codebook, IntArray

FILES = "https://dl.fbaipublicfiles.com"
VOIDFUL = "57426f97cdabc8d55e61932d0a7eb6333dedd881"
SLPRL = "e650040c497987a094e5474763ceca241d6d410a"
"""Commits on Hugging Face."""

PIECE = 100 * 16_000
"""Samples that HuBERT gets at once, as in SpeechGPT and textlesslib; each cut loses less than a frame."""


class MHubertUnits(TransformersCodec):
    """1000 units of mHuBERT at 50 Hz (layer 11) with the vocoder of one voice, LJSpeech: what SpeechGPT has.

    All frames are sent, and the vocoder speaks each for 20 ms. SpeechGPT itself sends a run of equal units once, and
    has the vocoder guess how long it lasts; then speech is timed anew, and bits per second count no frames. The voice
    is another one: compare WER, and no measure of the voice or of its pitch.

    The published HuBERT is one of fairseq; the one here is a conversion of it to transformers by somebody else.

    Source:
        https://arxiv.org/abs/2112.08352, https://github.com/0nutation/SpeechGPT,
        https://github.com/facebookresearch/fairseq/blob/main/examples/speech_to_speech/docs/textless_s2st_real_data.md
    """

    name: ClassVar[str] = "hubert-km1000"
    packages: ClassVar[tuple[str, ...]] = (*TransformersCodec.packages, "joblib")
    model_class: ClassVar[str] = "HubertModel"
    layer: ClassVar[int] = 11
    margin: ClassVar[int] = 0
    """Zeros before and after what HuBERT gets."""

    spec = neural(
        title="mHuBERT units, 1000 + unit HiFi-GAN",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(1000, hop=320),),
        semantic_codebooks=(0,),
        licence="MIT",
        source="https://github.com/0nutation/SpeechGPT",
        weights=(
            *hugging_face("voidful/mhubert-base", CONFIG_FILE, WEIGHTS_FILE, revision=VOIDFUL),
            RemoteFile(
                "models/units/mhubert_base_vp_en_es_fr_it3_L11_km1000.bin",
                "c70f5416c38044d0c20e33fdeedf4533974a8ac4029985cdef3b755038381a0b",
                source=f"{FILES}/hubert/mhubert_base_vp_en_es_fr_it3_L11_km1000.bin",
            ),
            *(
                RemoteFile(
                    f"models/units/mhubert_vp_en_es_fr_it3_400k_layer11_km1000_lj.{ending}",
                    source=f"{FILES}/fairseq/speech_to_speech/vocoder/code_hifigan/"
                    f"mhubert_vp_en_es_fr_it3_400k_layer11_km1000_lj/{name}",
                )
                for ending, name in (("pt", "g_00500000"), ("json", "config.json"))
            ),
        ),
        min_samples=400,  # its convolutions are not padded
        padding=400,
    )
    published: ClassVar[Mapping[str, Any]] = {"conv_stride": [5, 2, 2, 2, 2, 2, 2]}

    def _load(self, folder: Path) -> Any:
        from torch import from_numpy, nn

        hubert = super()._load(folder)
        clusters, vocoder, config = (folder / weight.path.rpartition("/")[2] for weight in self.spec.weights[2:])
        centroids = read_centroids(clusters)
        if centroids.shape != (found := (self.spec.codebooks[0].size, hubert.config.hidden_size)):
            raise UnavailableError(f"{clusters.name} has centroids {list(centroids.shape)}, not {list(found)}")
        embedding, voice = self._vocoder(vocoder, config)
        return nn.ModuleDict(
            {
                "hubert": hubert,
                "centroids": nn.Embedding.from_pretrained(from_numpy(centroids)),  # type: ignore[no-untyped-call]
                "embedding": embedding,
                "voice": voice,
            }
        )

    def _vocoder(self, path: Path, config: Path) -> tuple[Any, Any]:
        """The embedding of units and the HiFi-GAN behind it; what would predict durations is left out."""
        from huggingface_hub.errors import StrictDataclassError
        from torch import nn, ones, zeros
        from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

        state = read_state(path, "generator")
        try:
            sizes = json.loads(config.read_text(encoding="utf-8"))
            names = ("upsample_rates", "upsample_kernel_sizes", "resblock_kernel_sizes", "resblock_dilation_sizes")
            width = sizes["embedding_dim"]
            with silent_transformers():
                made = SpeechT5HifiGanConfig(
                    model_in_dim=width,
                    upsample_initial_channel=sizes["upsample_initial_channel"],
                    leaky_relu_slope=0.1,
                    normalize_before=False,
                    **{name: sizes[name] for name in names},
                )
                voice = SpeechT5HifiGan(made)
        except (ValueError, KeyError, TypeError, StrictDataclassError) as error:
            raise UnavailableError(f"{config.name} is not that of a unit HiFi-GAN: {first_line(error)}") from error
        book = self.spec.codebooks[0]
        found = {"units": sizes.get("num_embeddings"), "hop": prod(sizes["upsample_rates"])}
        found |= {name: bool(sizes.get(name)) for name in ("f0", "multispkr", "multistyle")}  # pitch, voices
        wanted = {"units": book.size, "hop": book.hop, "f0": False, "multispkr": False, "multistyle": False}
        check_config(config.name, found, wanted)
        embedding = nn.Embedding(book.size, width)
        voice.apply_weight_norm()  # type: ignore[no-untyped-call]
        rest = {
            name.replace("ups.", "upsampler.", 1): tensor
            for name, tensor in state.items()
            if not name.startswith(("dict.", "dur_predictor."))
        }
        load_state(voice, rest | {"mean": zeros(width), "scale": ones(width)}, path.name)
        load_state(embedding, {"weight": state["dict.weight"]} if "dict.weight" in state else {}, path.name)
        for layer in voice.modules():
            if nn.utils.parametrize.is_parametrized(layer):
                nn.utils.parametrize.remove_parametrizations(layer, "weight")
        return embedding, voice

    def _stacked_codes(self, samples: Any) -> IntArray:
        import torch

        parts = [part for part in samples.split(PIECE, dim=1) if part.shape[1] >= self.spec.min_samples]
        features = torch.cat([self._features(part) for part in parts], dim=1)
        centroids = self._model["centroids"].weight
        distances = centroids.square().sum(-1) - 2 * features @ centroids.T
        return np.asarray(distances.argmin(-1)[:, None].cpu().numpy(), np.int64)

    def _features(self, samples: Any) -> Any:
        from torch.nn.functional import pad

        padded = pad(samples, (self.margin, self.margin))
        return self._model["hubert"](padded, output_hidden_states=True).hidden_states[self.layer]

    def _stacked_samples(self, codes: Any) -> Any:
        return self._model["voice"](self._model["embedding"](codes[:, 0]))

    def _embedding(self, book: int, codes: Any) -> Any:
        return self._model["centroids"](codes).transpose(1, 2)


class MHubert25HzUnits(MHubertUnits):
    """500 units of a multilingual HuBERT at 25 Hz (layer 11) with the vocoder of one voice, LJSpeech: what TWIST has.

    HuBERT gets 40 more zeros before and after, as in slamkit, so that there is a unit for each whole 40 ms.

    Source:
        https://arxiv.org/abs/2305.13009, https://huggingface.co/slprl/mhubert-base-25hz,
        https://github.com/slp-rl/slamkit
    """

    name: ClassVar[str] = "mhubert-km500-25hz"
    margin: ClassVar[int] = 40
    spec = neural(
        title="mHuBERT units, 25 Hz, 500 + unit HiFi-GAN",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(500, hop=640),),
        semantic_codebooks=(0,),
        licence="MIT",
        source="https://github.com/slp-rl/slamkit",
        weights=(
            *hugging_face(
                "slprl/mhubert-base-25hz",
                CONFIG_FILE,
                WEIGHTS_FILE,
                revision="e650040c497987a094e5474763ceca241d6d410a",
            ),
            *(
                RemoteFile(f"models/units/{name}", digest, source=f"{FILES}/textless_nlp/twist/speech_tokenizer/{name}")
                for name, digest in (
                    (
                        "mhubert_base_25hz_cp_mls_cv_sp_fisher_L11_km500.bin",
                        "03cc04a9c24fec4285e73e709c485756d8f116aa8e724eac555de6a7cf8d28ad",
                    ),
                    (
                        "hifigan_lj_mhubert_base_25hz.pt",
                        "d88224e95c501e2cd59a6e4014753169cfe060fb7ade3cc0da03c809fef73b79",
                    ),
                    (
                        "hifigan_lj_mhubert_base_25hz_config.json",
                        "116dc39be4970cd393e562acd0a0ec70a86aaba7e9ca469b8b836cb3fe46afc7",
                    ),
                )
            ),
        ),
        min_samples=640,
        padding=640,
    )
    published: ClassVar[Mapping[str, Any]] = {"conv_stride": [5, 2, 2, 2, 2, 2, 2, 2]}


class _Inert:
    """Stands for estimators and random generators: keeps its state, and does nothing."""

    def __init__(self, *arguments: object, **named: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


def read_centroids(path: Path) -> NDArray[np.float32]:
    """The centroids `[units, dimension]` of a k-means that joblib wrote, without running anything in the file: only
    arrays of numbers and inert objects with their state are made, whatever it names.

    Raises:
        UnavailableError: The file holds something else.
    """
    from joblib import numpy_pickle

    class Wrapper(numpy_pickle.NumpyArrayWrapper):  # type: ignore[misc]
        def read_array(self, *arguments: Any) -> Any:
            if self.dtype.hasobject:
                raise pickle.UnpicklingError("it holds an array of objects")
            return super().read_array(*arguments)

    class Reader(numpy_pickle.NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
                return Wrapper
            if module == "numpy" and name in ("ndarray", "dtype"):
                return getattr(np, name)
            if module.startswith(("sklearn.", "numpy.random.", "numpy.core.", "numpy._core.")):
                return _Inert
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no k-means needs")

    newer = "ensure_native_byte_order" in inspect.signature(numpy_pickle.NumpyUnpickler).parameters
    try:
        with path.open("rb") as file:
            model = Reader(str(path), file, **({"ensure_native_byte_order": True} if newer else {})).load()
    # What a damaged file or one of something else makes a reader of pickles raise.
    except (pickle.UnpicklingError, struct.error, ValueError, LookupError, EOFError, TypeError, AttributeError) as why:
        raise UnavailableError(f"{path.name} is no k-means: {first_line(why)}") from why
    centroids = getattr(model, "cluster_centers_", None)
    if not isinstance(centroids, np.ndarray) or centroids.ndim != 2 or centroids.dtype.kind != "f":
        raise UnavailableError(f"{path.name} is no k-means: it has no cluster centres")
    return centroids.astype(np.float32)
