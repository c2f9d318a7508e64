"""HuBERT of transformers, k-means of scikit-learn, and the unit HiFi-GAN of textlesslib."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import codec_bench_support as support
import numpy as np

REPOSITORY = "facebookresearch/textlesslib"
HUBERT = "facebook/hubert-base-ls960"
LAYERS = {"km500": 9}
CHUNK = 100 * 16_000
"""Samples that upstream gives HuBERT at once."""

SPEAKER = STYLE = 0
"""Upstream's defaults."""


class Model:
    """HuBERT, centroids and vocoder."""

    def __init__(self, hubert, layer, centroids, vocoder, device):
        self.hubert, self.layer, self.centroids, self.vocoder = hubert, layer, centroids, vocoder
        self.device = device

    def encode(self, samples):
        """Units of float32 `[n]` at 16 kHz."""
        import torch

        parts = [samples[start : start + CHUNK] for start in range(0, len(samples), CHUNK)]
        with torch.inference_mode():
            features = torch.cat([self._features(part) for part in parts if len(part) >= 400])
            distances = self.centroids.square().sum(-1) - 2 * features @ self.centroids.T
        return [distances.argmin(-1).cpu().numpy().astype(np.int64)], {}

    def _features(self, samples):
        import torch

        audio = torch.from_numpy(samples).to(self.device)[None]
        return self.hubert(audio, output_hidden_states=True).hidden_states[self.layer][0]

    def decode(self, codes, side):
        """Samples at 16 kHz, spoken by one voice."""
        import torch

        one = torch.zeros(1, 1, dtype=torch.int64, device=self.device)
        inputs = {"code": torch.from_numpy(codes[0]).to(self.device)[None], "dur_prediction": False}
        if self.vocoder.multispkr:
            inputs["spkr"] = one + SPEAKER
        if self.vocoder.multistyle:
            inputs["style"] = one + STYLE
        with torch.inference_mode():
            return self.vocoder(**inputs).flatten().float().cpu().numpy()

    def latents(self, codes, side):
        """Centroids of the units."""
        return {"centroids": self.centroids.cpu().numpy()[codes[0]]}


def load(job):
    """Builds the three of them; upstream's package would import fairseq."""
    import torch
    from transformers import HubertModel

    support.add_source(str(Path(job.sources[REPOSITORY]) / "textless" / "vocoders"))
    from hifigan.generator import CodeGenerator

    files = {name.rpartition("/")[2]: path for name, path in job.files.items() if not name.startswith("hf/")}
    hubert = HubertModel.from_pretrained(job.folder(HUBERT))
    vocoder_folder = "textless/hubert_base_ls960_L9_km500_hifigan/"
    with Path(job.files[vocoder_folder + "config.json"]).open(encoding="utf-8") as file:
        vocoder = CodeGenerator(json.load(file))
    vocoder.load_state_dict(support.load_state(files["generator.pt"])["generator"])
    if vocoder.f0:
        raise ValueError("the vocoder wants a pitch track, which units have none of")
    vocoder.eval().remove_weight_norm()
    centroids = torch.from_numpy(read_centroids(files["hubert_base_ls960_L9_km500.bin"]))
    if len(centroids) != 500:
        raise ValueError(f"{len(centroids)} units, not 500")
    return Model(
        hubert.to(job.device).eval(),
        LAYERS[job.mode],
        centroids.float().to(job.device),
        vocoder.to(job.device),
        job.device,
    )


class _Inert:
    """Stands for estimators and generators of random numbers: keeps its state, and does nothing."""

    def __init__(self, *arguments, **named):
        pass

    def __setstate__(self, state):
        if isinstance(state, dict):
            self.__dict__.update(state)


def read_centroids(path):
    """`[units, dimension]` of a k-means that joblib wrote, without running anything in the file.

    Only arrays of numbers and the state of inert objects are read, whatever the file names.
    """
    from joblib import numpy_pickle

    class Wrapper(numpy_pickle.NumpyArrayWrapper):
        def read_array(self, *arguments):
            if self.dtype.hasobject:
                raise ValueError(f"{path} holds an array of objects")
            return super().read_array(*arguments)

    class Reader(numpy_pickle.NumpyUnpickler):
        def find_class(self, module, name):
            if (module, name) == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
                return Wrapper
            if module == "numpy" and name in ("ndarray", "dtype"):
                return getattr(np, name)
            if module.startswith(("sklearn.", "numpy.random.", "numpy.core.", "numpy._core.")):
                return _Inert
            raise ValueError(f"{path} names {module}.{name}, which no k-means needs")

    newer = "ensure_native_byte_order" in inspect.signature(numpy_pickle.NumpyUnpickler).parameters
    with Path(path).open("rb") as file:
        model = Reader(str(path), file, **({"ensure_native_byte_order": True} if newer else {})).load()
    centroids = getattr(model, "cluster_centers_", None)
    if not isinstance(centroids, np.ndarray) or centroids.ndim != 2:
        raise ValueError(f"{path} holds no k-means")
    return np.asarray(centroids)
