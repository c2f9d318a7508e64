"""What it takes to have the system of each published row: no row without a state, and no reason without a source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.published_only import WHY
from codec_bench.adapters.standing import State
from codec_bench.catalogue import paper_facts
from codec_bench.needed_environments import needed_environments
from codec_bench.reproduction import find_tables, load_paper, paper_names
from codec_bench.reproduction.availability import standing
from codec_bench.reproduction.facts import codec_of

CODECS, NEWER, LONGCAT = "facts/codecs.md", "facts/codecs_2026.md", "facts/longcat.md"
PAPERS = {
    name: f"papers/00{n}" for name, n in (("longcat", 0), ("wavtokenizer", 2), ("magicodec", 3), ("stable-codec", 4))
}

SOURCES = {
    WHY["ts3-codec"]: (CODECS, "no public code or weights: paper footnote asks readers to email"),
    WHY["bigcodec-streaming"]: (
        PAPERS["magicodec"], "indicates the streaming BigCodec reproduced by the TS3-Codec authors"
    ),
    WHY["single-codec"]: (CODECS, "no official code/weights found in one search"),
    WHY["mimo-audio-tokenizer"]: (NEWER, "imports flash_attn without a fallback and runs bfloat16 on GPU"),
    WHY["distilcodec"]: (NEWER, "CUDA hard-coded"),
    WHY["sac-37.5hz"]: (NEWER, "semantic tokens come from the GLM-4-Voice tokenizer, separately"),
    WHY["glm-4-voice"]: (NEWER, "Vendored CosyVoice-1 fork + Matcha submodule."),
    WHY["fish-dac"]: (NEWER, "Fish Audio Research License (non-commercial)"),
    WHY["unicodec"]: (NEWER, "from features, not ids"),
    WHY["funcodec-ds640"]: (NEWER, "model.pth + config.yaml (names as ESPnet style, inferred)"),
    WHY["dtm-codec"]: (NEWER, "no snapshot to be had"),
    "BEST-RQ was trained in-house, and its weights are not published": (
        PAPERS["longcat"], "using the BEST-RQ [25] method on in-house speech data"
    ),
    "these trainings are not published": (PAPERS["longcat"], "different TMUL configuration on in-house dataset"),
    "of the published 24 kHz decoders, the one for 2 codebooks went on to few speakers (longcat-24k-sft), and the "
    "other is for 2 to 4 codebooks (longcat-24k@2)": (LONGCAT, "24k gives 2 (two different models!), 3, 4"),
    "this decoder is not published; see table 7": (LONGCAT, "24k_2codebooks (SFT, few speakers)"),
    "100 frames/s fit none of DAC's public models (50, 75 and 86.1 frames/s), and the paper does not say which it "
    "took": (PAPERS["wavtokenizer"], "DAC\t9.0kpbs\t9\t900"),
    "this training is not published": (CODECS, "novateur/WavTokenizer: WavTokenizer_small_320_24k_4096.ckpt"),
    "the utterances are not listed": (PAPERS["magicodec"], "on utterances of 4 to 10 seconds from the LibriSpeech"),
    "the synthesiser on its tokens is not published": (
        PAPERS["magicodec"], "we trained the models from scratch using the official open-source GPT-2"
    ),
    "one of these trainings is published, and taken to be that of 50 Hz with a mask of 20 %": (
        CODECS, "Ereboas/MagiCodec_16k_50hz: MagiCodec-50Hz-Base.ckpt"
    ),
    "the trainings and the synthesisers are not published": (
        CODECS, "Ereboas/MagiCodec_16k_50hz: MagiCodec-50Hz-Base.ckpt"
    ),
    "it sends no tokens": (PAPERS["stable-codec"], "no quant."),
    "the published weights are those of the finished model, not of the one before finetuning": (
        CODECS, "Use `-base` weights for published numbers"
    ),
    "the training at 12.5 frames/s is not published": (
        CODECS, "stabilityai/stable-codec-speech-16k; stabilityai/stable-codec-speech-16k-base"
    ),
}  # fmt: skip
"""Why nobody but the authors can run a row, and what a fact sheet or the paper itself has on it."""

ROWS = [
    (table, row, standing(table, row))
    for name in paper_names()
    for table in load_paper(name).tables.values()
    for row in table.rows
]
GIVEN = {State.FILES, State.NOWHERE}


def test_every_row_has_a_state_and_a_reason_unless_it_runs_here() -> None:
    listed = [row for fact in paper_facts() for row in fact["systems"]]
    assert len(listed) == len(ROWS) > 240
    assert {row["state"] for row in listed} <= {state.value for state in State}
    assert all(bool(row["reason"]) == (row["state"] != State.HERE.value) for row in listed)


def test_reasons_that_are_written_down_are_those_with_a_source(shared: Path) -> None:
    assert {found.reason for _, _, found in ROWS if found.state in GIVEN} | set(WHY.values()) == set(SOURCES)
    for reason, (file, phrase) in SOURCES.items():
        (path,) = shared.glob(f"{file}*.txt") if file.startswith("papers") else [shared / file]
        assert phrase in path.read_text(encoding="utf-8"), reason


def test_dac_has_no_model_of_100_frames_per_second() -> None:
    rates = [float(codec_of(f"dac-{khz}khz@1").spec.frame_rate or 0) for khz in (16, 24, 44)]
    assert [round(rate, 1) for rate in rates] == [50, 75, 86.1]


def test_other_reasons_name_the_command_that_helps() -> None:
    commands = {
        State.FETCH: r"codec-bench fetch codec:\S+ downloads",
        State.ENVIRONMENT: r"codec-bench env create (\S+) creates",
        State.INSTALL: r"pip install",
    }
    environments = needed_environments()
    for table, row, found in ROWS:
        if pattern := commands.get(found.state):
            told = re.search(pattern, found.reason)
            assert told, f"{table.id} {row.name}: {found.reason}"
            if found.state is State.ENVIRONMENT:
                assert codec_of(str(row.system)).name in environments[told[1]].codecs


def test_files_help_where_audio_is_scored() -> None:
    for table, row, found in ROWS:
        if found.state in GIVEN:
            scored = table.measured_by_run or table.kind == "generation"
            assert (found.state is State.FILES) == scored, f"{table.id} {row.name}"


def test_what_is_made_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    (table,) = find_tables("longcat:table6")
    gpu, other = (next(row for row in table.rows if row.name.startswith(name)) for name in ("Stable-Codec", "TiCodec"))
    assert standing(table, gpu).reason.endswith("it runs on a GPU only")
    monkeypatch.setattr(IsolatedCodec, "unsupported", classmethod(lambda cls: None))
    assert standing(table, other).state is State.FETCH
    monkeypatch.setattr(IsolatedCodec, "unavailable", classmethod(lambda cls: None))
    assert standing(table, other).state is State.HERE
