"""Clips of Multilingual LibriSpeech, from trees and archives that have the layout of what is published."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec_bench.audio import read_audio
from codec_bench.datasets import mls
from codec_bench.datasets.corpus import Count
from codec_bench.datasets.dataset import Access
from codec_bench.datasets.mls import LANGUAGES, Mls, crop
from codec_bench.errors import UnavailableError
from codec_bench.hub import home
from tests.datasets.material import serving

German = LANGUAGES["mls-de"]
ALL = {
    "de": "german", "nl": "dutch", "fr": "french", "es": "spanish", "it": "italian", "pt": "portuguese", "pl": "polish",
}  # fmt: skip
IDS = [f"{speaker}_{book}_{n:06}" for speaker, book in ((1054, 1599), (2422, 13), (10749, 1599)) for n in range(3)]
SHORT = "2422_13_000001"
SECONDS = {id_: 4.9 if id_ == SHORT else 10.0 + n for n, id_ in enumerate(IDS)}


def by_the_rule(code: str, ids: list[str]) -> list[str]:
    """The order that the documentation states, with other means."""
    return sorted(ids, key=lambda id_: hashlib.sha256(f"codec-bench/mls/{code}/{id_}".encode()).hexdigest())


DRAWN = by_the_rule("de", [id_ for id_ in IDS if id_ != SHORT])[:5]


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(round(10 * seconds)).integers(-20_000, 20_000, round(16_000 * seconds), np.int16)


def lay_out(above: Path, language: str = "german", suffix: str = ".flac") -> Path:
    """What unpacking the archive of the makers leaves in `above`."""
    root = above / f"mls_{language}" / "test"
    for id_, seconds in SECONDS.items():
        path = root.joinpath("audio", *id_.split("_")[:2], f"{id_}{suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".flac":
            soundfile.write(path, noise(seconds), 16_000, subtype="PCM_16")
        else:
            soundfile.write(path, np.zeros(round(16_000 * seconds)), 16_000, format="OGG", subtype="OPUS")
    lines = [f"{id_}\thttp://www.archive.org/a.mp3\t{7.5}\t{7.5 + seconds:.2f}\n" for id_, seconds in SECONDS.items()]
    (root / "segments.txt").write_text("".join(lines), encoding="utf-8")
    (root / "transcripts.txt").write_text("".join(f"{id_}\tein Satz\n" for id_ in SECONDS), encoding="utf-8")
    return above


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("corpora"))


@pytest.fixture(autouse=True)
def five_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of 500, so that the corpora can be small."""
    monkeypatch.setattr(mls, "CLIPS", 5)
    monkeypatch.setattr(Mls, "expected", Count(5))


def test_the_first_clips_by_the_rule(corpus: Path) -> None:
    data = German(corpus)
    found = list(data.utterances())
    assert [u.id for u in found] == DRAWN
    (note,) = data.notes()
    assert "codec-bench's own rule" in note
    first = found[0]
    assert (first.text, first.language, first.speaker) == (None, "de", first.id.split("_")[0])
    assert first.labels == {"split": "test", "book": first.id.split("_")[1]}
    for utterance in found:
        samples, rate = soundfile.read(utterance.path, dtype="int16")
        whole = noise(SECONDS[utterance.id])
        digits = hashlib.sha256(f"codec-bench/mls/de/{utterance.id}".encode()).hexdigest()
        u, v = int(digits[32:48], 16) / 2**64, int(digits[48:64], 16) / 2**64
        length = round((5 + 5 * u) * 16_000)
        start = int(v * (len(whole) - length))
        assert (rate, len(samples)) == (16_000, length)
        np.testing.assert_array_equal(samples, whole[start : start + length])  # every bit of the recording


def test_each_language_draws_by_itself(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "mls_polish").symlink_to(corpus / "mls_german")
    found = [u.id for u in LANGUAGES["mls-pl"](tmp_path).utterances()]
    assert found == by_the_rule("pl", [id_ for id_ in IDS if id_ != SHORT])[:5]
    assert found != [u.id for u in German(corpus).utterances()]


def test_lengths_and_starts_of_what_is_drawn_are_uniform() -> None:
    """Among 3,394 ids, the first 500 have small digests; what they say of the crop must not be small, too."""
    drawn = by_the_rule("de", [f"1_2_{n:06}" for n in range(3_394)])[:500]
    crops = [crop("de", id_, 15 * 16_000, 16_000) for id_ in drawn]
    lengths = np.array([length / 16_000 for _, length in crops])
    starts = np.array([start / (15 * 16_000 - length) for start, length in crops])
    assert lengths.min() >= 5
    assert lengths.max() <= 10
    for share in ((lengths - 5) / 5, starts):
        counts, _ = np.histogram(share, bins=5, range=(0, 1))
        assert counts.min() > 70  # 100 expected, standard deviation 9


def test_crops_of_short_recordings() -> None:
    for n in range(200):
        start, length = crop("de", f"1_2_{n:06}", 7 * 16_000, 16_000)
        assert 5 * 16_000 <= length <= 7 * 16_000
        assert 0 <= start <= 7 * 16_000 - length
    assert crop("de", "1_2_000000", 79_000, 16_000) == (0, 79_000)  # a list may round up


def test_clips_are_cut_once_and_again_when_the_recording_is_another(tmp_path: Path) -> None:
    lay_out(tmp_path)
    first = [u.path for u in German(tmp_path).utterances()]
    assert all(path.is_relative_to(home() / "datasets" / "clips" / "mls-de") for path in first)
    times = [path.stat().st_mtime_ns for path in first]
    found = list(German(tmp_path).utterances())
    assert [u.path for u in found] == first
    assert [u.path.stat().st_mtime_ns for u in found] == times
    source = tmp_path.joinpath("mls_german/test/audio", *found[0].id.split("_")[:2], f"{found[0].id}.flac")
    soundfile.write(source, noise(12.3), 16_000)
    again = [u.path for u in German(tmp_path).utterances()]
    assert again[1:] == first[1:]
    assert again[0] != first[0]


def test_a_clip_of_another_rule_is_not_taken(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = next(German(corpus).utterances()).path
    monkeypatch.setattr(mls, "RULE", "another")
    assert next(German(corpus).utterances()).path != first


def test_a_recording_that_cannot_be_read_is_handed_on(tmp_path: Path) -> None:
    lay_out(tmp_path)
    broken = DRAWN[2]
    source = tmp_path.joinpath("mls_german/test/audio", *broken.split("_")[:2], f"{broken}.flac")
    source.write_bytes(b"no audio")
    found = list(German(tmp_path).utterances())
    assert found[2].path == source  # the run reads it and gets a status
    assert len(found) == 5


def test_opus_is_taken_and_noted(tmp_path: Path) -> None:
    try:
        lay_out(tmp_path, suffix=".opus")
    except soundfile.LibsndfileError:
        pytest.skip("this libsndfile cannot write Opus")
    data = German(tmp_path)
    found = list(data.utterances())
    assert [u.id for u in found] == DRAWN
    assert {read_audio(u.path).rate for u in found} == {16_000}
    assert "5 of the recordings were compressed with Opus" in data.notes()[-1]


def pack(corpus: Path, served: Path) -> None:
    """The files of the test split as the repository on Hugging Face has them: one archive per speaker and book."""
    source, target = corpus / "mls_german" / "test", served / "data" / "mls_german" / "test"
    (target / "audio").mkdir(parents=True)
    names = []
    for book in sorted((source / "audio").glob("*/*")):
        names.append(f"{book.parent.name}_{book.name}_000.tar.gz")
        with tarfile.open(target / "audio" / names[-1], "w:gz") as tar:
            for path in sorted(book.iterdir()):
                tar.add(path, path.name)
    (target / "audio_filenames.txt").write_text("\n".join(names))
    (target / "segments.txt").write_bytes((source / "segments.txt").read_bytes())


def test_from_an_empty_machine_to_clips(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(corpus, tmp_path)
    data = German()
    assert data.state().access is Access.FETCH
    with pytest.raises(UnavailableError, match="mls-de is not on this machine"):
        data.utterances()
    with serving(tmp_path) as address:
        monkeypatch.setattr(Mls, "repository", address)
        data.fetch()
    assert data.state().access is Access.HERE
    found = list(data.utterances())
    assert [u.path.read_bytes() for u in found] == [u.path.read_bytes() for u in German(corpus).utterances()]
    assert not list(home().rglob("*.tar.gz"))
    assert len(list(home().rglob("audio/**/*.flac"))) == 5  # nothing that no clip is cut from
    data.fetch()  # nothing is asked of the server that is no more


@pytest.mark.parametrize("listing", ["../../../evil.tar.gz", "1_2_000.tar.gz\nhttp://else.where/a.tar.gz", ""])
def test_another_listing_is_refused(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: str
) -> None:
    pack(corpus, tmp_path)
    (tmp_path / "data/mls_german/test/audio_filenames.txt").write_text(listing)
    with serving(tmp_path) as address:
        monkeypatch.setattr(Mls, "repository", address)
        message = r"cannot be fetched \(.*audio_filenames.txt (is not what it should be|gives an empty file)"
        with pytest.raises(UnavailableError, match=message):
            German().fetch()


@pytest.mark.parametrize(
    "line", ["1_2_3\turl\t1.0", "1_2_3\turl\tone\ttwo", "../a_b_c\turl\t1.0\t9.0", "1_2_3 1.0 9.0"]
)
def test_another_table_of_segments(tmp_path: Path, line: str) -> None:
    root = lay_out(tmp_path) / "mls_german" / "test"
    with (root / "segments.txt").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(UnavailableError, match=r"segments\.txt, line 10: "):
        German(tmp_path).utterances()


def test_seven_languages() -> None:
    assert {cls.code: cls.inside for cls in LANGUAGES.values()} == {c: (f"mls_{n}", "test") for c, n in ALL.items()}
    for code, cls in ((cls.code, cls) for cls in LANGUAGES.values()):
        assert cls.name == f"mls-{code}"
        assert ALL[code].title() in cls.title
        assert cls.licence == "CC BY 4.0"
        assert f"https://dl.fbaipublicfiles.com/mls/mls_{ALL[code]}.tar.gz" in _message(cls())


def _message(data: Mls) -> str:
    with pytest.raises(UnavailableError) as caught:
        data.utterances()
    return str(caught.value)
