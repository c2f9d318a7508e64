"""FocalCodec: `from_pretrained`, `sig_to_toks` and `toks_to_sig`, with a vocoder of the published rate.

The first layers of WavLM need 80 samples more than a whole number of frames, which upstream leaves to its caller; it
gets the recording with them, as the adapter does.
"""

import shutil
from pathlib import Path

import codec_bench_support as support

CODEC = "focalcodec-50hz"
REPOSITORY = "lucadellalib/focalcodec"


def write(job):
    support.add_source(job.sources[REPOSITORY])
    from focalcodec import FocalCodec

    model = FocalCodec(
        compressor_config={"output_dim": 13},
        quantizer_config={"codebook_size": 8192},
        decompressor_config={"input_dim": 13},
        decoder_name="Vocos",
    )
    model.to_pretrained(str(Path(job.folder, "model.json")))
    shutil.move(f"{job.folder}/model.json", job.files["config.json"])


def call(job, samples):
    support.add_source(job.sources[REPOSITORY])
    import torch
    from focalcodec import FocalCodec

    shutil.copy(job.files["config.json"], f"{job.folder}/model.json")  # beside the weights, by their name
    model = FocalCodec.from_pretrained(f"{job.folder}/model.json").eval()
    tokens = model.sig_to_toks(torch.nn.functional.pad(torch.from_numpy(samples)[None], (0, 80)))
    return [tokens[0]], {}, model.toks_to_sig(tokens)
