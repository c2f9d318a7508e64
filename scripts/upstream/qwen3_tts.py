"""Qwen3-TTS-Tokenizer: `from_pretrained`, `encode` and `decode` of `Qwen3TTSTokenizer`, with a smaller decoder."""

import codec_bench_support as support

CODEC = "qwen3-tts-tokenizer-12hz"
REPOSITORY = "QwenLM/Qwen3-TTS"
DECODER = {"codebook_dim": 512, "decoder_dim": 384, "num_hidden_layers": 2}


def registered(register):
    """Without the tokenizer of 25 Hz, which is a stub here."""
    return lambda key, kind: None if "25hz" in repr(key) or not isinstance(kind, type) else register(key, kind)


def tokenizer(job):
    support.add_source(job.sources[REPOSITORY])
    for name in ("qwen_tts", "qwen_tts.inference"):  # without what they import for synthesis
        job.bare(name, f"{job.sources[REPOSITORY]}/{name.replace('.', '/')}")
    support.stub("qwen_tts.core.tokenizer_25hz")
    from transformers import AutoConfig, AutoModel

    for auto in (AutoConfig, AutoModel):
        auto.register = registered(auto.register)
    from qwen_tts.inference.qwen3_tts_tokenizer import Qwen3TTSTokenizer

    return Qwen3TTSTokenizer


def write(job):
    tokenizer(job)
    from qwen_tts.core import Qwen3TTSTokenizerV2Config, Qwen3TTSTokenizerV2Model
    from transformers import EncodecFeatureExtractor

    model = Qwen3TTSTokenizerV2Model(Qwen3TTSTokenizerV2Config(decoder_config=DECODER))
    for name, tensor in model.state_dict().items():
        if name.endswith(("embed_sum", "embedding_sum")):
            tensor.normal_()
        if name.endswith(("gamma", ".scale")):  # which start so small that they would hide what they scale
            tensor.fill_(0.5)
    model.save_pretrained(job.folder)
    EncodecFeatureExtractor(sampling_rate=24_000).save_pretrained(job.folder)


def call(job, samples):
    upstream = tokenizer(job)
    model = upstream.from_pretrained(job.folder)
    encoded = model.encode(samples, sr=24_000)
    support.seed(support.SEED)
    return encoded.audio_codes[0].T, {}, model.decode(encoded)[0][0]
