"""S3Tokenizer and CosyVoice: what each of them documents, with a smaller tokenizer and any function for the voice.

The tokens are those of the package s3tokenizer, as its README has it. `CosyVoiceFrontEnd` finds the voice, and
`CosyVoiceModel.tts` speaks given tokens, as in conversion of voices, without a prompt. Flow and vocoder are of the
published size, built by HyperPyYAML from upstream's configuration, whose parts for text are left out.
"""

from pathlib import Path

import codec_bench_support as support

CODEC = "cosyvoice-v1-50hz"
COSYVOICE, MATCHA = "FunAudioLLM/CosyVoice", "shivammehta25/Matcha-TTS"
BESIDE = ("HyperPyYAML==1.2.2", "ruamel.yaml==0.18.6", "omegaconf==2.3.0", "antlr4-python3-runtime==4.9.3")
SIZES = {"n_mels": 128, "n_audio_state": 64, "n_audio_head": 1}


def networks(job):
    """Flow and vocoder, by name."""
    for repository in (MATCHA, COSYVOICE):
        support.add_source(job.sources[repository])
    support.stub("conformer", "matcha.utils", "cosyvoice.llm", "whisper", "inflect", "regex")
    from hyperpyyaml import load_hyperpyyaml

    text = Path(job.sources[COSYVOICE], "examples/libritts/cosyvoice/conf/cosyvoice.yaml").read_text()
    parts = [part for part in text.split("\n\n") if part.startswith(("# fixed params", "flow:", "hift:"))]
    return load_hyperpyyaml("\n".join(parts))


def tokenizer():
    from s3tokenizer.model import ModelConfig, S3Tokenizer

    return S3Tokenizer("speech_tokenizer_v1", ModelConfig(**SIZES))


def write(job):
    import numpy as np
    import onnx
    import torch
    from onnx import TensorProto, helper, numpy_helper

    for part, model in networks(job).items():
        if isinstance(model, torch.nn.Module):
            torch.save(model.state_dict(), job.files[f"{part}.pt"])
    nodes = [
        helper.make_node("Abs", ["x"], ["a"]),
        helper.make_node("ReduceMean", ["a"], ["m"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["m", "W"], ["y"]),
    ]
    shapes = {"x": [1, "t", 80], "y": [1, 192]}
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items())
    table = numpy_helper.from_array(np.random.default_rng(0).standard_normal((80, 192)).astype(np.float32), "W")
    graph = helper.make_graph(nodes, "voice", [x], [y], [table])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, job.files["campplus.onnx"])
    support.add_source(str(Path(__file__).parents[2]))
    from tests.adapters.small_packages import onnx_parts, stirred, write_onnx

    state = {name: tensor.numpy() for name, tensor in stirred(tokenizer()).state_dict().items()}
    write_onnx(Path(job.files["speech_tokenizer_v1.onnx"]), onnx_parts("s3tokenizer-v1-50hz", state))


def call(job, samples):
    import onnxruntime
    import s3tokenizer
    import torch

    made = networks(job)
    from cosyvoice.cli import frontend
    from cosyvoice.cli.model import CosyVoiceModel

    audio = torch.from_numpy(samples)
    model = tokenizer()
    model.init_from_onnx(job.files["speech_tokenizer_v1.onnx"])
    codes, _ = model.eval().quantize(*s3tokenizer.padding([s3tokenizer.log_mel_spectrogram(audio)]))
    front = frontend.CosyVoiceFrontEnd.__new__(frontend.CosyVoiceFrontEnd)
    front.device = torch.device("cpu")
    front.campplus_session = onnxruntime.InferenceSession(job.files["campplus.onnx"])
    frontend.load_wav = lambda wav, rate: wav[None]
    voice = front._extract_spk_embedding(audio)
    speaker = CosyVoiceModel(torch.nn.Module(), made["flow"], made["hift"])
    torch.save({}, f"{job.folder}/llm.pt")
    speaker.load(f"{job.folder}/llm.pt", job.files["flow.pt"], job.files["hift.pt"])
    support.seed(support.SEED)
    (spoken,) = speaker.tts(source_speech_token=codes, flow_embedding=voice)
    return [codes], {"voice": voice[0]}, spoken["tts_speech"]
