"""Archives whose makers are hostile, careless, or cut off."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from codec_bench.errors import UnavailableError
from codec_bench.unpack import extract

MB = 1 << 20


def make(path: Path, members: list[tuple[str, bytes | str]]) -> Path:
    """A tar.gz; a string is the target of a link."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_only_what_is_wanted_is_unpacked(tmp_path: Path):
    archive = make(tmp_path / "a.tgz", [("./x/a", b"1"), ("x/b", b"2"), ("x/c", b"3")])
    assert extract(archive, tmp_path / "out", ["x/a", "x/c", "x/absent"], MB) == 2
    assert files(tmp_path / "out") == {"x/a": b"1", "x/c": b"3"}


def test_nothing_is_written_outside(tmp_path: Path):
    archive = make(tmp_path / "a.tgz", [("../evil", b"1"), ("/etc/evil", b"2"), ("x/../../evil", b"3"), ("x/a", b"4")])
    assert extract(archive, tmp_path / "out" / "in", ["x/a"], MB) == 1
    assert files(tmp_path / "out") == {"in/x/a": b"4"}
    assert not (tmp_path / "evil").exists()
    for name in ("../evil", "/etc/evil"):
        with pytest.raises(ValueError, match="no name inside"):
            extract(archive, tmp_path / "out", [name], MB)


def test_links_are_refused(tmp_path: Path):
    archive = make(tmp_path / "a.tgz", [("x/a", "/etc/passwd")])
    with pytest.raises(UnavailableError, match="no regular file"):
        extract(archive, tmp_path / "out", ["x/a"], MB)
    folder_link = make(tmp_path / "b.tgz", [("x", str(tmp_path / "elsewhere")), ("x/a", b"1")])
    extract(folder_link, tmp_path / "out", ["x/a"], MB)
    assert files(tmp_path / "out") == {"x/a": b"1"}
    assert not (tmp_path / "elsewhere").exists()


def test_a_bomb_is_stopped_at_the_limit(tmp_path: Path):
    archive = make(tmp_path / "a.tgz", [("a", bytes(MB)), ("b", bytes(MB))])
    with pytest.raises(UnavailableError, match="unpacks to over"):
        extract(archive, tmp_path / "out", ["a", "b"], MB)


def test_a_cut_archive_is_damaged_and_leaves_no_half_file(tmp_path: Path):
    archive = make(tmp_path / "a.tgz", [("a", os.urandom(MB)), ("b", os.urandom(MB))])
    archive.write_bytes(archive.read_bytes()[: int(1.4 * MB)])
    with pytest.raises(UnavailableError, match="is damaged"):
        extract(archive, tmp_path / "out", ["a", "b"], 9 * MB)
    assert {name: len(content) for name, content in files(tmp_path / "out").items()} == {"a": MB}


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b and no more of gzip"])
def test_what_is_no_archive(tmp_path: Path, content: bytes):
    (tmp_path / "a.tgz").write_bytes(content)
    with pytest.raises(UnavailableError, match="is damaged"):
        extract(tmp_path / "a.tgz", tmp_path / "out", ["a"], MB)
