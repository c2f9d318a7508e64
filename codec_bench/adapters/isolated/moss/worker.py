"""MOSS-Audio-Tokenizer: causal Transformers over patches of the waveform, and a residual quantizer."""

from __future__ import annotations

import importlib
import sys
import types

import codec_bench_support as support

REPOSITORY = "OpenMOSS/MOSS-Audio-Tokenizer"
PACKAGE = "moss_audio_tokenizer"


class Model(support.TorchModel):
    """Upstream's model, given whole frames: it takes what lies in the last one for silence where it is not full."""

    def codes(self, audio):
        return list(self.model.encode(audio[None, None], return_dict=True).audio_codes[:, 0])

    def samples(self, codes):
        return self.model.decode(self._stacked(codes), return_dict=True).audio[0, 0]

    def vectors(self, codes):
        return {"quantized": self.model.quantizer.decode_codes(self._stacked(codes))[0].T}

    def _stacked(self, codes):
        """`[codebooks, 1, frames]`."""
        import torch

        return torch.stack(codes)[:, None]


def load(job):
    """The classes come from the pinned source, so that nothing that lies beside the weights is run."""
    package = types.ModuleType(PACKAGE)
    package.__path__ = [job.sources[REPOSITORY]]  # its modules import each other from a package
    sys.modules[PACKAGE] = package
    modeling = importlib.import_module(f"{PACKAGE}.modeling_moss_audio_tokenizer")
    import torch

    model, report = modeling.MossAudioTokenizerModel.from_pretrained(
        job.folder("OpenMOSS-Team/MOSS-Audio-Tokenizer"),
        local_files_only=True,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    if absent := sorted(report["missing_keys"]):
        raise RuntimeError(f"the files lack {len(absent)} tensors, e.g. {absent[0]}")
    return Model(model.to(job.device).eval(), job.device, model.downsample_rate)
