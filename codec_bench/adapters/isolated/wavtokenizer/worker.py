"""WavTokenizer: one codebook from an EnCodec-like encoder, decoded by a Vocos-like network."""

from __future__ import annotations

from pathlib import Path

import codec_bench_support as support
import numpy as np

REPOSITORY = "jishengpeng/WavTokenizer"
CONFIG = "configs/wavtokenizer_smalldata_frame%s_3s_nq1_code4096_dim512_kmeans200_attn.yaml"


class Model:
    """The three networks of a checkpoint."""

    def __init__(self, features, backbone, head, device):
        self.features, self.backbone, self.head, self.device = features, backbone, head, device

    def encode(self, samples):
        """Codes of float32 `[n]` at 24 kHz."""
        import torch

        with torch.inference_mode():
            audio = torch.from_numpy(samples).to(self.device)[None]
            _, codes, _ = self.features.infer(audio, bandwidth_id=self._bandwidth())
        return [codes[0, 0].cpu().numpy().astype(np.int64)], {}

    def decode(self, codes, side):
        """Samples at 24 kHz."""
        import torch

        with torch.inference_mode():
            decoded = self.head(self.backbone(self._embedded(codes), bandwidth_id=self._bandwidth()))
        return decoded[0].float().cpu().numpy()

    def latents(self, codes, side):
        """Codebook vectors."""
        return {"quantized": self._embedded(codes)[0].T.cpu().numpy()}

    def _embedded(self, codes):
        """`[1, dimension, frames]`."""
        import torch

        layer = self.features.encodec.quantizer.vq.layers[0]
        return torch.nn.functional.embedding(torch.from_numpy(codes[0]).to(self.device), layer.codebook).T[None]

    def _bandwidth(self):
        import torch

        return torch.tensor([0], device=self.device)


def load(job):
    """Builds the networks from upstream's configuration of the frame rate; a checkpoint of another one is an error."""
    source = Path(job.sources[REPOSITORY])
    support.add_source(str(source))
    # Imported at the top of its modules and used for training only.
    support.stub("pytorch_lightning", "torchaudio", "torchaudio.functional.functional", "torchaudio.transforms")
    import yaml
    from decoder.feature_extractors import EncodecFeatures
    from decoder.heads import ISTFTHead
    from decoder.models import VocosBackbone

    classes = {
        "decoder.feature_extractors.EncodecFeatures": EncodecFeatures,
        "decoder.models.VocosBackbone": VocosBackbone,
        "decoder.heads.ISTFTHead": ISTFTHead,
    }
    with (source / (CONFIG % job.mode)).open(encoding="utf-8") as file:
        config = yaml.safe_load(file)["model"]["init_args"]
    checkpoint = next(iter(job.files.values()))  # the only one
    state = support.load_state(checkpoint)["state_dict"]
    parts = []
    for name in ("feature_extractor", "backbone", "head"):
        part = classes[config[name]["class_path"]](**config[name].get("init_args", {}))
        prefix = name + "."
        part.load_state_dict({key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)})
        parts.append(part.to(job.device).eval())
    return Model(*parts, device=job.device)
