"""Tables and folders of the user's own."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from codec_bench.datasets.manifest import MAX_ID_BYTES, Folder, Manifest, audio_files, id_problem, load_transcripts
from codec_bench.errors import UsageError
from codec_bench.records import Utterance


def table(folder: Path, content: str | bytes, name: str = "list.tsv", audio: str = "a.wav") -> Path:
    (folder / audio).touch()
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path: Path, **options: str) -> str:
    with pytest.raises(UsageError) as caught:
        list(Manifest(path, **options).utterances())
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 2
    return message


# --- what is read --------------------------------------------------------------------------------------------------


def test_needs_only_id_and_path(tmp_path: Path) -> None:
    found = list(Manifest(table(tmp_path, "path\tid\na.wav\tx\n")).utterances())
    assert found == [Utterance("x", tmp_path / "a.wav")]


def test_every_column(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "id\tpath\ttranscript\tspeaker\tlanguage\tlabel\tsplit\tduration\tcorpus\tnote\n"
        "x\ta.wav\tHello there.\tanna\ten\tangry\ttest\t1.25\tmine\t\n",
    )
    (found,) = Manifest(path).utterances()
    assert found == Utterance(
        "x",
        tmp_path / "a.wav",
        "Hello there.",
        "anna",
        "en",
        1.25,
        {"label": "angry", "split": "test", "corpus": "mine"},
    )


@pytest.mark.parametrize("column", ["transcript", "text"])
def test_text_is_another_name_for_transcript(tmp_path: Path, column: str) -> None:
    (found,) = Manifest(table(tmp_path, f"id\tpath\t{column}\nx\ta.wav\thi\n")).utterances()
    assert (found.text, dict(found.labels)) == ("hi", {})


def test_transcript_wins_over_text(tmp_path: Path) -> None:
    (found,) = Manifest(table(tmp_path, "id\tpath\ttext\ttranscript\nx\ta.wav\traw\tclean\n")).utterances()
    assert (found.text, found.labels) == ("clean", {"text": "raw"})


def test_empty_cells_are_not_given(tmp_path: Path) -> None:
    path = table(tmp_path, "id\tpath\ttranscript\tspeaker\tlanguage\tlabel\tduration\nx\ta.wav\t\t\t \t\t\n")
    assert list(Manifest(path).utterances()) == [Utterance("x", tmp_path / "a.wav")]


def test_quotes_have_no_meaning(tmp_path: Path) -> None:
    path = table(tmp_path, 'id\tpath\ttext\nx\ta.wav\t"Oh," he said\ny\ta.wav\t"\n')
    assert [u.text for u in Manifest(path).utterances()] == ['"Oh," he said', '"']


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfid\tpath\ttext\nx\ta.wav\t\xc3\xa9t\xc3\xa9\n",
        "id\tpath\ttext\r\nx\ta.wav\tété\r\n".encode(),
        "id\tpath\ttext\nx\ta.wav\tété".encode(),
        "id\tpath\ttext\n\nx\ta.wav\tété\n\n\n".encode(),
    ],
    ids=["byte order mark", "CRLF", "no newline at the end", "blank lines"],
)
def test_variants_of_the_same_table(tmp_path: Path, data: bytes) -> None:
    assert list(Manifest(table(tmp_path, data)).utterances()) == [Utterance("x", tmp_path / "a.wav", "été")]


def test_a_line_separator_of_unicode_ends_no_row(tmp_path: Path) -> None:
    (found,) = Manifest(table(tmp_path, "id\tpath\ttext\nx\ta.wav\tone\u2028two\x0bthree\n")).utterances()
    assert found.text == "one\u2028two\x0bthree"


def test_paths_start_from_the_table_or_from_audio_root(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "audio").mkdir()
    path = table(tmp_path / "lists", "id\tpath\nx\t../audio/b.wav\n", audio="../audio/b.wav")
    (beside,) = Manifest(path).utterances()
    assert beside.path.samefile(tmp_path / "audio" / "b.wav")

    path.write_text("id\tpath\nx\tb.wav\n")
    assert "--audio-root" in refused(path)
    (rooted,) = Manifest(path, tmp_path / "audio").utterances()
    assert rooted.path == tmp_path / "audio" / "b.wav"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    path = table(tmp_path, f"id\tpath\nx\t{tmp_path / 'a.wav'}\n")
    (found,) = Manifest(path, audio_root="/elsewhere").utterances()
    assert found.path == tmp_path / "a.wav"


def test_missing_and_broken_recordings_are_no_error_of_the_table(tmp_path: Path) -> None:
    path = table(tmp_path, "id\tpath\ngone\tgone.wav\nlong\t" + "n" * 300 + ".wav\nbroken\ta.wav\n")
    assert [u.id for u in Manifest(path).utterances()] == ["gone", "long", "broken"]


def test_order_and_name_are_those_of_the_file_and_listing_again_gives_the_same(tmp_path: Path) -> None:
    path = table(tmp_path, "id\tpath\nB\ta.wav\na\ta.wav\nb\ta.wav\n", name="my set.tsv")
    manifest = Manifest(path)
    assert manifest.name == "my set"
    assert [u.id for u in manifest.utterances()] == ["B", "a", "b"]
    assert list(manifest.utterances()) == list(manifest.utterances())


@pytest.mark.parametrize("name", ["speech_en", "speech_zh", "digits", "events", "emotion"])
def test_real_manifests_read_as_the_csv_module_reads_them(shared: Path, name: str) -> None:
    path = shared / "data" / "manifests" / f"{name}.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = list(Manifest(path).utterances())
    assert len(found) == len(rows) > 0
    for utterance, row in zip(found, rows, strict=True):
        assert (utterance.id, utterance.text or "", utterance.speaker or "", utterance.language or "") == (
            row["id"], row["transcript"], row["speaker"], row["language"],
        )  # fmt: skip
        assert utterance.duration == float(row["duration"])
        assert utterance.labels.get("label", "") == row["label"]
        assert utterance.labels["licence"] == row["licence"]
        assert utterance.path.is_file()


# --- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("id\tpath\n", "no rows"),
        ("id\tfile\tspeaker\nx\ta.wav\tb\n", "no column path; its columns are: id, file, speaker"),
        ("id,path\nx,a.wav\n", "its columns are: id,path (tabs separate columns)"),
        ("a.wav\tx\n", "no column id"),
        ("id\tpath\tid\nx\ta.wav\ty\n", "line 1: column names must be unique"),
        ("id\tpath\t\nx\ta.wav\ty\n", "line 1: column names must be unique"),
        ("id\tpath\nx\ta.wav\ny\n", "line 3: 1 fields, but the header has 2"),
        ("id\tpath\nx\ta.wav\textra\n", "line 2: 3 fields, but the header has 2"),
        ("id\tpath\n\nx\ta.wav\textra\n", "line 3: 3 fields"),
        ("id\tpath\nx\ta.wav\ny\ta.wav\nx\ta.wav\n", "line 4: the id 'x' already appeared in line 2"),
        ("id\tpath\nx\t\n", "line 2: '' is not a path"),
        ("id\tpath\nx\ta\0.wav\n", "is not a path"),
        ("id\tpath\tduration\nx\ta.wav\tlong\n", "line 2: the duration 'long' is not a number of seconds"),
        ("id\tpath\tduration\nx\ta.wav\tnan\n", "the duration 'nan'"),
        ("id\tpath\tduration\nx\ta.wav\tinf\n", "the duration 'inf'"),
        ("id\tpath\tduration\nx\ta.wav\t-1\n", "the duration '-1'"),
        (b"id\tpath\nx\ta.wav\nb\xe9\ta.wav\n", "line 3: not UTF-8 text"),
        ("id\tpath\nx\ta.wav\n".encode("utf-16"), "line 1: not UTF-8 text"),
    ],
)
def test_wrong_tables(tmp_path: Path, content: str | bytes, says: str) -> None:
    path = table(tmp_path, content)
    message = refused(path)
    assert says in message
    assert str(path) in message


BAD_IDS = ["", "  ", ".hidden", "..", "a/b", "../a", "a\\b", "a\0b", "a\x1bb", "x" * (MAX_ID_BYTES + 1), "é" * 101]
GOOD_IDS = ["1089_134686_000002_000001", "a.b-c d", "é" * 100, "x" * MAX_ID_BYTES, "广州", "-x"]


@pytest.mark.parametrize("name", BAD_IDS)
def test_ids_that_are_no_file_names(tmp_path: Path, name: str) -> None:
    message = refused(table(tmp_path, f"id\tpath\nok\ta.wav\n{name}\ta.wav\n"))
    assert "line 3" in message
    assert "cannot be an id" in message
    assert len(message) < len(str(tmp_path)) + 200


@pytest.mark.parametrize("name", GOOD_IDS)
def test_ids_that_are_file_names(tmp_path: Path, name: str) -> None:
    (found,) = Manifest(table(tmp_path, f"id\tpath\n{name}\ta.wav\n")).utterances()
    assert found.id == name
    (tmp_path / f"{found.id}.wav").touch()


def test_a_file_name_that_is_no_unicode_is_no_id() -> None:
    assert id_problem(os.fsdecode(b"caf\xe9")) == "it is not Unicode text"


def test_no_recording_at_all(tmp_path: Path) -> None:
    path = tmp_path / "list.tsv"
    path.write_text("id\tpath\nx\tb.wav\ny\tc.wav\n")
    message = refused(path)
    assert "none of the 2 recordings" in message
    assert str(tmp_path / "b.wav") in message
    assert "--audio-root" in message


def test_no_table(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "none.tsv")
    assert "cannot be read" in refused(tmp_path)


# --- transcripts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["text", "transcript"])
def test_transcripts(tmp_path: Path, column: str) -> None:
    path = tmp_path / "text.tsv"
    path.write_text(f"id\t{column}\nb\t One.\na\t\nc\tTwo\n")
    assert list(load_transcripts(path).items()) == [("b", "One."), ("c", "Two")]


def test_a_manifest_is_a_table_of_transcripts(tmp_path: Path) -> None:
    path = tmp_path / "text.tsv"
    path.write_text("id\tpath\tspeaker\ttranscript\nb\tgone.wav\tanna\tOne.\n")
    assert load_transcripts(path) == {"b": "One."}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("id\twords\na\thi\n", "no column transcript or text; its columns are: id, words"),
        ("name\ttext\na\thi\n", "no column id"),
        ("id\ttext\na\thi\na\tho\n", "line 3: the id 'a' already appeared"),
        ("id\ttext\na\t\n", "no transcript in any"),
    ],
)
def test_wrong_transcripts(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "text.tsv"
    path.write_text(content)
    with pytest.raises(UsageError, match=says):
        load_transcripts(path)


def test_real_transcripts_name_the_real_recordings(shared: Path) -> None:
    pairs = shared / "data" / "testB_pairs"
    texts = load_transcripts(pairs / "transcripts.tsv")
    assert set(texts) == {u.id for u in Folder(pairs / "GT").utterances()}
    assert texts["1320_122612_000021_000000"].startswith('"Such cunning')


# --- folders -------------------------------------------------------------------------------------------------------


def test_folder(tmp_path: Path) -> None:
    folder = tmp_path / "my voices"
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ["b.wav", "deep/A.FLAC", "deep/er/c.d.mp3", "notes.md", "b.json"]:
        (folder / name).touch()
    (folder / "b.txt").write_text("\ufeffHello\n there. \n", encoding="utf-8")
    (folder / "deep" / "A.txt").write_text("raw")
    (folder / "deep" / "A.normalized.txt").write_text("normalised\n")
    (folder / "deep" / "er" / "c.d.txt").write_text(" \n")
    dataset = Folder(folder)
    assert dataset.name == "my voices"
    assert list(dataset.utterances()) == [
        Utterance("A", folder / "deep" / "A.FLAC", "normalised"),
        Utterance("b", folder / "b.wav", "Hello there."),
        Utterance("c.d", folder / "deep" / "er" / "c.d.mp3", None),
    ]


def test_the_name_of_the_folder_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert Folder(".").name == "here"


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".trash").mkdir()
    for name in ["a.wav", "._a.wav", ".DS_Store", "Thumbs.db", ".trash/a.wav"]:
        (tmp_path / name).touch()
    assert audio_files(tmp_path) == {"a": tmp_path / "a.wav"}


def test_links_to_folders_are_followed_and_circles_end(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.wav").touch()
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "data").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "back").symlink_to(tmp_path / "set")
    assert audio_files(tmp_path / "set") == {"a": tmp_path / "set" / "data" / "a.wav"}


@pytest.mark.parametrize("twins", [("a.wav", "a.flac"), ("a.wav", "a.WAV")])
def test_two_files_with_one_stem(tmp_path: Path, twins: tuple[str, str]) -> None:
    for name in twins:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match="two audio files have the id 'a'") as caught:
        Folder(tmp_path).utterances()
    assert all(str(tmp_path / name) in str(caught.value) for name in twins)


def test_where_stems_repeat_in_several_folders_ids_are_paths(tmp_path: Path) -> None:
    for name in ("x/a.wav", "y/a.wav", "b.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [utterance.id for utterance in Folder(tmp_path).utterances()] == ["b", "x__a", "y__a"]


def test_no_audio_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(UsageError, match=r"no audio file is below .*\.wav"):
        Folder(tmp_path).utterances()
    with pytest.raises(UsageError, match="does not exist"):
        Folder(tmp_path / "none").utterances()
    with pytest.raises(UsageError, match="is not a folder"):
        Folder(tmp_path / "a.txt").utterances()


def test_a_file_name_that_cannot_be_an_id(tmp_path: Path) -> None:
    (tmp_path / "a\\b.wav").touch()
    with pytest.raises(UsageError, match="cannot be an id: it holds a path separator"):
        Folder(tmp_path).utterances()


def test_text_beside_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8 text"):
        list(Folder(tmp_path).utterances())
