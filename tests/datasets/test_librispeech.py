"""LibriSpeech, on trees that have the layout of the release, with real recordings where there are some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import pytest

from codec_bench.audio import read_audio
from codec_bench.datasets.corpus import Count
from codec_bench.datasets.librispeech import (
    ASR_SPLITS,
    LENGTH_CENTRES,
    LibriSpeech5To10Seconds,
    LibriSpeechAsr,
    LibriSpeechLength,
    LibriSpeechPhones,
    LibriSpeechTestClean,
    LibriSpeechTestOther,
    durations_of_test_clean,
)
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import home
from tests.datasets.material import manifest_rows, published, recording_of, tarred

BINS = "3:736 4:702 5:588 6:482 7:404 8:334 9:246 10:203 11:183 13:133 15:101 17:72 20:46 23:18 25:12"
"""Recordings of test-clean around so many seconds, counted from the durations before this package was written."""


def lay_out(above: Path, subset: str, texts: Mapping[str, str]) -> Path:
    """What unpacking a subset leaves in `above`, without sound."""
    for id_, text in texts.items():
        speaker, chapter, _ = id_.split("-")
        folder = above / "LibriSpeech" / subset / speaker / chapter
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{id_}.flac").touch()
        with (folder / f"{speaker}-{chapter}.trans.txt").open("a", encoding="utf-8") as file:
            file.write(f"{id_} {text}\n")
    (above / "LibriSpeech" / "README.TXT").touch()
    return above


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All recordings of test-clean."""
    return lay_out(
        tmp_path_factory.mktemp("corpora"), "test-clean", {id_: f"IT IS {id_}" for id_ in durations_of_test_clean()}
    )


def test_the_durations_are_those_that_were_found(shared: Path) -> None:
    lines = (shared / "lists" / "librispeech_test-clean_durations.tsv").read_text().splitlines()[1:]
    assert dict(durations_of_test_clean()) == {id_: float(s) for id_, s in (line.split("\t") for line in lines)}


def test_the_durations_are_those_of_real_recordings(shared: Path) -> None:
    rows = manifest_rows(shared, "speech_en", corpus="LibriSpeech", split="test-clean")
    assert len(rows) == 7
    for row in rows:
        assert durations_of_test_clean()[row["source_id"]] == read_audio(recording_of(shared, row)).seconds


def test_the_list_says_where_it_is_from_and_under_which_licence() -> None:
    text = (files("codec_bench.datasets") / "lists" / "librispeech_test_clean_durations.tsv").read_text("utf-8")
    header = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("#"))
    assert "https://github.com/NaoyukiKanda/LibriSpeechMix" in header
    assert "Copyright (c) 2020 Naoyuki Kanda" in header
    assert "The above copyright notice and this permission notice shall be included" in header


def test_whole_test_clean(corpus: Path) -> None:
    found = list(LibriSpeechTestClean(corpus).utterances())
    assert [u.id for u in found] == list(durations_of_test_clean())
    assert len(found) == 2_620
    first = found[0]
    assert first.path == corpus / "LibriSpeech/test-clean/1089/134686/1089-134686-0000.flac"
    assert (first.text, first.speaker, first.language) == ("IT IS 1089-134686-0000", "1089", "en")
    assert first.labels == {"split": "test-clean", "chapter": "134686"}
    assert len({u.speaker for u in found}) == 40


def test_transcripts_and_durations_of_real_recordings(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split, cls, count, speakers in (
        ("test-clean", LibriSpeechTestClean, 7, 4),
        ("test-other", LibriSpeechTestOther, 100, 10),
    ):
        listed = manifest_rows(shared, "speech_en", corpus="LibriSpeech", split=split)
        rows = {row["source_id"]: row for row in listed}
        lay_out(tmp_path, split, {id_: row["transcript"] for id_, row in rows.items()})
        for id_, row in rows.items():
            path = tmp_path.joinpath("LibriSpeech", split, *id_.split("-")[:2], f"{id_}.flac")
            path.write_bytes(recording_of(shared, row).read_bytes())
        with pytest.raises(UnavailableError, match=f"holds {count} recordings by {speakers} speakers"):
            cls(tmp_path).utterances()
        monkeypatch.setattr(cls, "expected", Count(count, speakers))
        found = {u.id: u for u in cls(tmp_path).utterances()}
        assert {id_: u.text for id_, u in found.items()} == {id_: row["transcript"] for id_, row in rows.items()}
        assert {f"ls-{u.speaker}" for u in found.values()} == {row["speaker"] for row in rows.values()}
        for id_, utterance in found.items():
            audio = read_audio(utterance.path)
            assert audio.rate == 16_000
            assert abs(audio.seconds - float(rows[id_]["duration"])) < 0.001


def test_as_torchaudio_reads_it(corpus: Path) -> None:
    try:
        from torchaudio.datasets import LIBRISPEECH
    except (ImportError, OSError):
        pytest.skip("torchaudio is missing, or does not fit torch")
    reference = LIBRISPEECH(corpus, url="test-clean")
    found = list(LibriSpeechTestClean(corpus).utterances())
    assert len(reference) == len(found)
    for n in range(0, len(found), 97):
        path, rate, text, speaker, chapter, number = reference.get_metadata(n)
        assert (corpus / "LibriSpeech" / path, rate) == (found[n].path, 16_000)
        assert (text, str(speaker), str(chapter)) == (found[n].text, found[n].speaker, found[n].labels["chapter"])
        assert found[n].id == f"{speaker}-{chapter}-{number:04}"


def test_5_to_10_seconds(corpus: Path, shared: Path) -> None:
    data = LibriSpeech5To10Seconds(corpus)
    found = list(data.utterances())
    assert [u.id for u in found] == ((shared / "lists" / "librispeech_test-clean_5-10s_ids.txt").read_text().split())
    assert len(found) == 918
    assert len({u.speaker for u in found}) == 40
    assert all(u.duration is not None and 5 <= u.duration <= 10 for u in found)
    assert found[0].text == f"IT IS {found[0].id}"
    note = data.notes()[0]
    assert "918" in note
    assert "900" in note


def test_one_bin_of_length(corpus: Path) -> None:
    data = LibriSpeechLength(corpus, setting="8")
    found = list(data.utterances())
    assert len(found) == 334
    assert data.name == "librispeech-length@8"
    assert {u.labels["length_bins"] for u in found} == {"8"}


def test_bins_of_length_hold_what_was_counted(corpus: Path) -> None:
    found = list(LibriSpeechLength(corpus).utterances())
    assert len(found) == 2_561
    counts = Counter(centre for u in found for centre in u.labels["length_bins"].split(","))
    assert set(counts) == set(map(str, LENGTH_CENTRES))
    for centre, count in (pair.split(":") for pair in BINS.split()):
        assert counts[centre] == int(count)
    labels = {u.id: u.labels["length_bins"] for u in found}
    assert labels["1089-134686-0000"] == "10,11"  # 10.435 s
    assert labels["1089-134686-0001"] == "3,4"  # 3.275 s
    assert all(u.duration is not None and 2 <= u.duration <= 26 for u in found)


@pytest.mark.parametrize("setting", ["2", "26", "8.5", "eight", "", "-8", "²"])
def test_no_such_bin(setting: str) -> None:
    with pytest.raises(UsageError, match="a whole number of seconds, 3 to 25"):
        LibriSpeechLength(setting=setting)


def test_a_recording_or_a_transcript_is_missing(corpus: Path, tmp_path: Path) -> None:
    lay_out(tmp_path, "test-clean", {id_: "A" for id_ in durations_of_test_clean() if id_.startswith("1089-")})
    root = tmp_path / "LibriSpeech" / "test-clean"
    for speaker in (corpus / "LibriSpeech" / "test-clean").iterdir():
        if speaker.name != "1089":
            (root / speaker.name).symlink_to(speaker)
    (root / "1089/134686/1089-134686-0002.flac").unlink()
    (root / "1089/134686/1089-134686-0001.flac").unlink()
    with pytest.raises(UnavailableError, match=r"2 of the 2620 recordings .*: 1089-134686-0001, 1089-134686-0002; "):
        LibriSpeechTestClean(tmp_path).utterances()
    with pytest.raises(UnavailableError, match=r"1 of the 918 recordings .* missing: 1089-134686-0002; "):
        LibriSpeech5To10Seconds(tmp_path).utterances()
    assert len(list(LibriSpeechLength(tmp_path, setting="25").utterances())) == 12
    (root / "1089/134686/1089-134686.trans.txt").unlink()
    with pytest.raises(UnavailableError, match=r"holds 2582 recordings by 40 speakers .*, not 2620 by 40"):
        LibriSpeechTestClean(tmp_path).utterances()
    with pytest.raises(UnavailableError, match=r"the transcripts in .* lack 13 of the 918 .*: 1089-134686-0002, "):
        LibriSpeech5To10Seconds(tmp_path).utterances()


def test_phones_are_tested_on_recordings_of_4_to_15_seconds(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for subset in ("train-clean-100", "dev-clean"):
        lay_out(tmp_path, subset, {f"{len(subset)}-7-0000": "A"})
    (tmp_path / "LibriSpeech/test-clean").symlink_to(corpus / "LibriSpeech/test-clean")
    monkeypatch.setattr(LibriSpeechPhones, "expected", Count(1_614, 42))
    found = Counter(u.labels["split"] for u in LibriSpeechPhones(tmp_path).utterances())
    assert found == {"train": 1, "dev": 1, "test": 1_612}


def test_a_transcript_names_no_file_elsewhere(tmp_path: Path) -> None:
    lay_out(tmp_path, "test-clean", {"1-2-0000": "A"})
    listing = tmp_path / "LibriSpeech/test-clean/1/2/1-2.trans.txt"
    for line in ("../../etc-1-0000 A", "1-../../2-0000 A", "1-2-/../../3 A", "A"):
        listing.write_text(line + "\n")
        with pytest.raises(UnavailableError, match="hold the id"):
            LibriSpeechTestClean(tmp_path).utterances()


def test_asr_has_three_splits_and_shares_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "mirror" / "datasets"
    archives = []
    for n, remote in enumerate(LibriSpeechAsr.archives):
        subset = list(ASR_SPLITS.values())[n]
        packed = lay_out(tmp_path / subset, subset, {f"{n}-7-0000": "A", f"{n}-7-0001": "B"})
        archive = tarred(mirror / remote.path.rpartition("/")[2], packed / "LibriSpeech")
        archives.append(published(remote, archive))
    monkeypatch.setattr(LibriSpeechAsr, "archives", tuple(archives))
    monkeypatch.setattr(LibriSpeechTestClean, "archives", (archives[2],))
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror.parent))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    monkeypatch.setattr(LibriSpeechAsr, "expected", Count(6, 3))
    monkeypatch.setattr(LibriSpeechTestClean, "expected", Count(2, 1))

    LibriSpeechTestClean().fetch()
    assert {p.name for p in (home() / "datasets" / "LibriSpeech").iterdir()} == {"test-clean"}
    with pytest.raises(UnavailableError, match="librispeech-asr is not on this machine"):
        LibriSpeechAsr().utterances()
    LibriSpeechAsr().fetch()
    assert {p.name for p in (home() / "datasets" / "LibriSpeech").iterdir()} == set(ASR_SPLITS.values())
    found = [(u.id, u.labels["split"]) for u in LibriSpeechAsr().utterances()]
    assert found == [(f"{n}-7-000{m}", split) for n, split in enumerate(("train", "dev", "test")) for m in (0, 1)]
    assert [u.labels["split"] for u in LibriSpeechTestClean().utterances()] == ["test-clean"] * 2
    assert len(list(LibriSpeechAsr(home() / "datasets" / "LibriSpeech").utterances())) == 6
