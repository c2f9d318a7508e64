"""Distill-NeuCodec: what `DistillNeuCodec.from_pretrained` builds, `encode_code` and `decode_code`.

DistilHuBERT, which its constructor would fetch by name, has narrower layers. The rotation of the decoder is that of
torchtune, without the rest of that package, which needs torchao.
"""

import codec_bench_support as support

CODEC = "distill-neucodec"
REPOSITORY = "neuphonic/neucodec"
BESIDE = ("torchtune==0.6.1",)


def upstream(job):
    support.add_source(job.sources[REPOSITORY])
    support.stub("torchaudio")  # reads files
    for name in ("torchtune", "torchtune.modules"):
        package = job.bare(name, f"{job.beside}/{name.replace('.', '/')}")
    from torchtune.modules.position_embeddings import RotaryPositionalEmbeddings

    package.RotaryPositionalEmbeddings = RotaryPositionalEmbeddings
    from neucodec import model

    encoder = model.HubertModel.from_pretrained
    features = model.AutoFeatureExtractor.from_pretrained
    model.HubertModel.from_pretrained = lambda name, **options: encoder(job.folder, **options)
    model.AutoFeatureExtractor.from_pretrained = lambda name: features(job.folder)
    model.hf_hub_download = lambda filename, **_: f"{job.folder}/{filename}"
    return model


def write(job):
    import torch
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

    size = {"num_hidden_layers": 2, "intermediate_size": 256}
    HubertModel(HubertConfig(**size, conv_pos_batch_norm=False)).save_pretrained(job.folder)
    Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=False).save_pretrained(job.folder)
    model = upstream(job).DistillNeuCodec(24_000, 480).eval()
    job.spread(model.generator.quantizer.project_in, lambda audio: model.encode_code(audio[None]))
    torch.save(model.state_dict(), job.files["pytorch_model.bin"])


def call(job, samples):
    import torch

    kind = upstream(job).DistillNeuCodec
    model = kind._from_pretrained(model_id="neuphonic/distill-neucodec").eval()
    codes = model.encode_code(torch.from_numpy(samples)[None, None])
    return [codes[0, 0]], {}, model.decode_code(codes)
