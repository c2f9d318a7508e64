"""Run directories that are damaged, or somebody else's: one line, and no file is read that is not the run's."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from codec_bench.comparison.loading import load_measurements
from codec_bench.csv_files import write_frame
from codec_bench.errors import UsageError
from codec_bench.reports.html.audio import embed_audio
from codec_bench.reports.html.explorer import explorer
from codec_bench.reports.html.overview import overview
from codec_bench.reports.report import write_report
from codec_bench.runs.directory import Run, load_run
from codec_bench.runs.writer import writing
from codec_bench.token_statistics.sources import KeptTokens
from tests.runs.test_writer import request as asked

SCHEMA_1 = Path(__file__).parent / "data" / "schema_1"
GOOD = json.loads((SCHEMA_1 / "run.json").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that may be damaged."""
    return Path(shutil.copytree(SCHEMA_1, tmp_path / "run"))


def read(folder: Path) -> None:
    """All that commands read of a finished run, but for plots, which take long."""
    run = load_run(folder)
    write_report([run], folder.parent / "report", plots=False)
    load_measurements(folder)


def check_refused(folder: Path, message: str = "") -> None:
    with pytest.raises(UsageError, match=message) as error:
        read(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"[]", b"[1, 2]", b"null", b'"text"', b"7", b"{", b"[" * 200_000, b'{"a":' * 100_000, b"\xff\xfe\0",
        b'{"schema": 2}', b'{"schema": "2"}', b'{"schema": true}', b'{"schema": NaN}', b'{"schema": 2, "status": "x"}',
        b'{"schema": 2, "status": "finished"}', b'{"schema": 99}', b'{"schema": 2, "status": "running"}',
        json.dumps(GOOD).encode()[:3000],
    ],
    ids=lambda content: content[:30].decode("latin-1"),
)  # fmt: skip
def test_a_run_json_of_something_else_is_one_line(content: bytes, folder: Path):
    (folder / "run.json").write_bytes(content)
    check_refused(folder, "run.json")
    with pytest.raises(UsageError, match=r"run\.json"), writing(asked(), folder):
        pass
    assert (folder / "run.json").read_bytes() == content


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_run_json_that_is_no_file_is_one_line(make: Callable[[Path], None], folder: Path):
    (folder / "run.json").unlink()
    make(folder / "run.json")
    check_refused(folder, "run.json")


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All entries of plain data; of a list the first."""
    entries = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*above, key)
        yield from places(inner, (*above, key))


def changed(place: tuple[Any, ...], new: Any) -> dict[str, Any]:
    """A good `run.json` with another value at a place, or without one."""
    info = copy.deepcopy(GOOD)
    inner = info
    for key in place[:-1]:
        inner = inner[key]
    if new is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = new
    return info


@pytest.mark.slow
@pytest.mark.parametrize("new", [..., None, "text", 7, -1.5, [], {}, [[]], True], ids=repr)
def test_whatever_one_entry_is_a_run_is_read_or_refused_in_one_line(new: Any, folder: Path):
    failed = []
    for place in places(GOOD):
        if len(place) > 2 and {"config", "coverage", "lengths", "levels", "packages"} & set(place):
            continue  # alike
        (folder / "run.json").write_text(json.dumps(changed(place, new)), encoding="utf-8")
        try:
            run = load_run(folder)
            write_report([run], folder.parent / "report", formats=("md", "csv", "tex"), plots=False)
            overview(run)  # what the page says, without its program
            explorer(run)
            load_measurements(folder)
        except UsageError as error:
            assert "\n" not in str(error), place
        except Exception as error:  # noqa: BLE001 - all are told at once
            failed.append(f"{place}: {error!r}")
    assert not failed


@pytest.mark.parametrize("name", ["scores.parquet", "summary.csv", "utterances.csv", "hypotheses.csv"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\0", b"a,b\n1,2\n", "fifo", "folder"], ids=repr)
def test_a_damaged_table_is_one_line(name: str, content: bytes | str | None, folder: Path):
    path = folder / name
    if name == "hypotheses.csv" and content is None:
        pytest.skip("a run without recognisers has none")
    path.unlink()
    if content == "fifo":
        os.mkfifo(path)
    elif content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    if name == "hypotheses.csv" and content in ("fifo", "folder"):
        read(folder)  # there is no such file
    else:
        check_refused(folder, name)


@pytest.mark.parametrize("name", ["scores.parquet", "summary.csv", "utterances.csv", "hypotheses.csv"])
def test_a_link_out_of_the_run_is_not_followed(name: str, folder: Path):
    shutil.move(folder / name, folder.parent / name)
    (folder / name).symlink_to(folder.parent / name)
    check_refused(folder, "leads out of")


def with_audio(folder: Path) -> Run:
    """A run that kept audio, beside a secret of the user's."""
    soundfile.write(folder.parent / "secret.wav", np.full(4000, 0.25), 16_000)
    run = load_run(folder)
    for system in run.systems:
        inside = folder / "audio" / system
        inside.mkdir(parents=True)
        for utterance in run.utterances["id"]:
            soundfile.write(inside / f"{utterance}.wav", np.zeros(4000), 16_000)
    return load_run(folder)


@pytest.mark.parametrize("name", ["../../../secret", "/etc/passwd", "..", "a/b", "a\\b", "\x1b[31m", ""])
def test_an_id_that_leads_elsewhere_is_refused_by_everything_that_reads_files_of_utterances(name: str, folder: Path):
    run = with_audio(folder)
    frame = run.utterances.copy()
    frame.loc[0, "id"] = name
    write_frame(folder / "utterances.csv", frame)
    check_refused(folder, "cannot be an id")
    for kind in ("audio", "tokens"):
        with pytest.raises(UsageError, match="cannot be an id"):
            run.kept(kind, "opus@6000", name)


def test_an_id_of_the_scores_that_leads_elsewhere_is_not_heard(folder: Path):
    run = with_audio(folder)
    with pytest.raises(UsageError, match="cannot be an id"):
        load_measurements(folder).audio_of(next(iter(run.systems)), "../../../secret")


@pytest.mark.parametrize("part", ["file", "system", "audio"])
def test_links_to_audio_of_others_are_not_embedded(part: str, folder: Path):
    run = with_audio(folder)
    system, utterance = next(iter(run.systems)), run.utterances["id"][0]
    place = folder / "audio" / {"file": f"{system}/{utterance}.wav", "system": system, "audio": ""}[part]
    shutil.move(place, folder.parent / "elsewhere")
    place.symlink_to(folder.parent / "elsewhere")
    with pytest.raises(UsageError, match="leads out of"):
        embed_audio({0: run}, {0: [utterance]}, folder.parent / "report")


def test_a_run_that_is_a_link_itself_is_read_as_it_is(folder: Path):
    with_audio(folder)
    (folder.parent / "link").symlink_to(folder)
    run = load_run(folder.parent / "link")
    assert embed_audio({0: run}, {0: list(run.utterances["id"])}, folder.parent / "report")


def test_kept_tokens_are_those_of_the_run(folder: Path):
    run = load_run(folder)
    system = next(iter(run.systems))
    (folder / "tokens").mkdir()
    (folder.parent / "theirs").mkdir()
    (folder / "tokens" / system).symlink_to(folder.parent / "theirs")
    with pytest.raises(UsageError, match="leads out of"):
        KeptTokens.of(folder)


def test_pictures_are_those_of_the_report(folder: Path):
    (folder.parent / "secret.txt").write_text("a secret")
    (folder / "plots").mkdir()
    (folder / "plots" / "gain.svg").symlink_to(folder.parent / "secret.txt")
    with pytest.raises(UsageError, match="leads out of"):
        write_report([load_run(folder)], folder, formats=("html",), plots=False)


def test_ids_that_begin_a_formula_are_read_back(folder: Path):
    run = load_run(folder)
    frame = run.utterances.assign(id=[f"=1+{i}" for i in range(len(run.utterances))])
    write_frame(folder / "utterances.csv", frame)
    assert pd.read_csv(folder / "utterances.csv")["id"].str.startswith("'=").all()
    assert load_run(folder).utterances["id"].tolist() == frame["id"].tolist()
