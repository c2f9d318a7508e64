"""Archives whose makers are hostile, careless, or cut off."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from codec_bench import unpack
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.unpack import HEADER_LIMIT, extract, member_names

MB = 1 << 20

Maker = Callable[[Path, "list[tuple[str, bytes | str]]"], Path]


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
        with pytest.raises(ValueError, match="not a name inside"):
            extract(archive, tmp_path / "out", [name], MB)


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path):
    folder_link = make(tmp_path / "b.tgz", [("x", str(tmp_path / "elsewhere")), ("x/a", b"1")])
    extract(folder_link, tmp_path / "out", ["x/a"], MB)
    assert files(tmp_path / "out") == {"x/a": b"1"}
    assert not (tmp_path / "elsewhere").exists()


def test_a_cut_archive_is_damaged_and_leaves_no_half_file(tmp_path: Path):
    archive = make(tmp_path / "a.tgz", [("a", os.urandom(MB)), ("b", os.urandom(MB))])
    archive.write_bytes(archive.read_bytes()[: int(1.4 * MB)])
    with pytest.raises(UnavailableError, match="is damaged"):
        extract(archive, tmp_path / "out", ["a", "b"], 9 * MB)
    assert {name: len(content) for name, content in files(tmp_path / "out").items()} == {"a": MB}


def make_zip(path: Path, members: list[tuple[str, bytes | str]]) -> Path:
    """The same as a zip archive."""
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            kind = stat.S_IFLNK if isinstance(content, str) else stat.S_IFREG
            info.external_attr = (kind | 0o644) << 16
            packed.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


MAKERS = [make, make_zip]
EVIL = ["../evil", "/evil", "x/../../evil", "C:evil", "C:/evil", "..\\evil", "x\\..\\..\\evil", "x/\x1b]0;evil\x07"]


def everything(name: str) -> bool:
    return True


@pytest.mark.parametrize("maker", MAKERS)
def test_a_function_says_what_is_wanted(tmp_path: Path, maker: Maker):
    asked: list[str] = []

    def is_wanted(name: str) -> bool:
        asked.append(name)
        return name.endswith(".wav")

    archive = maker(tmp_path / "a", [("./x/a.wav", b"1"), ("x/b.txt", b"2"), ("x//y/c.wav", b"3")])
    assert extract(archive, tmp_path / "out", is_wanted, MB) == 2
    assert files(tmp_path / "out") == {"x/a.wav": b"1", "x/y/c.wav": b"3"}
    assert asked == ["x/a.wav", "x/b.txt", "x/y/c.wav"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_formats_are_known_by_their_content(tmp_path: Path, mode: str):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a").write_bytes(bytes(3 * MB))
    archive = tmp_path / "archive.of-any-name"
    if mode == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            packed.write(tmp_path / "in", "x")
            packed.write(tmp_path / "in/a", "x/a")
    else:
        with tarfile.open(archive, mode) as tar:
            tar.add(tmp_path / "in", "x")
    for wanted in (["x/a"], everything):
        assert extract(archive, tmp_path / "out", wanted, 3 * MB) == 1
    assert files(tmp_path / "out") == {"x/a": bytes(3 * MB)}
    assert member_names(archive, 10) == ["x/a"]


@pytest.mark.parametrize("tool", [["tar", "czf"], ["zip", "-qr"]])
def test_what_the_usual_programs_pack(tmp_path: Path, tool: list[str]):
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is not installed")
    (tmp_path / "x").mkdir()
    content = {f"x/ä{n}": os.urandom(n) for n in (0, 1, 100_000)}
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    subprocess.run([*tool, "a", "x"], cwd=tmp_path, check=True)
    archive = next(p for p in tmp_path.iterdir() if p.is_file())
    assert extract(archive, tmp_path / "out", everything, MB) == 3
    assert files(tmp_path / "out") == content


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", EVIL)
def test_a_function_cannot_want_what_lies_outside(tmp_path: Path, maker: Maker, name: str):
    archive = maker(tmp_path / "a", [("x/a", b"1"), (name, b"2")])
    with pytest.raises(UnavailableError, match="leads out of its folder"):
        extract(archive, tmp_path / "out" / "in", everything, MB)
    assert files(tmp_path / "out") == {"in/x/a": b"1"}
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("maker", MAKERS)
def test_links_are_refused_in_every_format(tmp_path: Path, maker: Maker):
    archive = maker(tmp_path / "a", [("x/a", "/etc/passwd"), ("x/b", b"1")])
    assert extract(archive, tmp_path / "out", ["x/b"], MB) == 1
    assert member_names(archive, 9) == ["x/b"]
    with pytest.raises(UnavailableError, match="not a regular file"):
        extract(archive, tmp_path / "out", everything, MB)
    assert not (tmp_path / "out/x/a").exists()


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_and_hard_links_are_refused(tmp_path: Path, kind: bytes):
    with tarfile.open(tmp_path / "a", "w") as tar:
        info = tarfile.TarInfo("x/a")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(UnavailableError, match="not a regular file"):
        extract(tmp_path / "a", tmp_path / "out", everything, MB)


@pytest.mark.parametrize("maker", MAKERS)
def test_a_bomb_is_stopped_in_every_format(tmp_path: Path, maker: Maker):
    archive = maker(tmp_path / "a", [("a", bytes(2 * MB)), ("b", bytes(2 * MB))])
    assert archive.stat().st_size < MB
    for _ in range(2):  # what is there from the first time counts, too
        with pytest.raises(UnavailableError, match="unpacks to over"):
            extract(archive, tmp_path / "out", everything, 3 * MB)
        assert files(tmp_path / "out") == {"a": bytes(2 * MB)}


def test_a_zip_archive_whose_headers_lie(tmp_path: Path):
    archive = make_zip(tmp_path / "a", [("a", bytes(9 * MB))])
    data = archive.read_bytes().replace((9 * MB).to_bytes(4, "little"), (5).to_bytes(4, "little"))
    archive.write_bytes(data)
    with pytest.raises(UnavailableError, match="is damaged"):
        extract(archive, tmp_path / "out", everything, MB)
    assert files(tmp_path / "out") == {}


def raw_header(kind: bytes, size: int, **others: bytes) -> bytes:
    """A header with whatever size and fields, and the end of an archive."""
    info = tarfile.TarInfo("a")
    info.type, info.size = kind, size
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    if kind == tarfile.GNUTYPE_SPARSE:
        header[386:410] = (b"%011o\0" % 0) * 2
        header[483:495] = b"%011o\0" % (8 << 30)
        header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:512]) + 8 * 32)
    return bytes(header) + bytes(1024)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (raw_header(tarfile.GNUTYPE_SPARSE, 0), "unpacks to over"),
        (raw_header(tarfile.XHDTYPE, 1 << 40), "a header of 1099511627776 bytes"),
        (raw_header(tarfile.REGTYPE, 1 << 40), "unpacks to over|unexpected end"),
        (b"\xfd7zXZ\0" + bytes(200), "is damaged"),
        (b"<html>404</html>", "is damaged"),
    ],
    ids=["8 GiB of holes", "a header of 1 TiB", "a member of 1 TiB", "no LZMA", "a page"],
)
def test_headers_that_promise_what_is_not_there(tmp_path: Path, content: bytes, message: str):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UnavailableError, match=message):
        extract(tmp_path / "a", tmp_path / "out", everything, MB)
    assert files(tmp_path / "out") == {}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", ["A", "CON", "a. ", "a\0b"])
def test_names_that_other_systems_would_not_take_are_those_of_files(tmp_path: Path, maker: Maker, name: str):
    archive = maker(tmp_path / "a", [("b", b"1"), (name, b"2")])
    assert extract(archive, tmp_path / "out", everything, MB) == 2
    assert files(tmp_path / "out") == {"b": b"1", name.partition("\0")[0]: b"2"}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", ["", ".", "a\nb"])
def test_names_that_are_none(tmp_path: Path, maker: Maker, name: str):
    with pytest.raises(UnavailableError, match="leads out of its folder"):
        extract(maker(tmp_path / "a", [(name, b"1")]), tmp_path / "out", everything, MB)
    assert files(tmp_path / "out") == {}


def test_a_file_where_a_later_member_needs_a_folder(tmp_path: Path):
    with pytest.raises(UsageError, match="a/b cannot be written"):
        extract(make(tmp_path / "a", [("a", b"1"), ("a/b", b"2")]), tmp_path / "out", everything, MB)
    assert files(tmp_path / "out") == {"a": b"1"}


def test_bytes_behind_an_archive_do_no_harm(tmp_path: Path):
    archive = make(tmp_path / "a", [("a", b"1")])
    archive.write_bytes(archive.read_bytes() + b"garbage")
    assert extract(archive, tmp_path / "out", everything, MB) == 1
    assert files(tmp_path / "out") == {"a": b"1"}


def test_a_header_that_would_fill_the_memory(tmp_path: Path):
    """A long name is read as a whole, and a gigabyte of zeros packs to a megabyte."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    with gzip.open(tmp_path / "a", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(HEADER_LIMIT + MB))
    with pytest.raises(UnavailableError, match="a header of 1073741824 bytes"):
        extract(tmp_path / "a", tmp_path / "out", everything, MB)


@pytest.mark.parametrize("maker", MAKERS)
def test_too_many_members(tmp_path: Path, maker: Maker, monkeypatch: pytest.MonkeyPatch):
    archive = maker(tmp_path / "a", [(f"{n}", b"") for n in range(101)])
    monkeypatch.setattr(unpack, "MEMBER_LIMIT", 100)
    with pytest.raises(UnavailableError, match="over 100 members"):
        extract(archive, tmp_path / "out", lambda _: False, MB)


def test_an_encrypted_zip_archive(tmp_path: Path):
    archive = make_zip(tmp_path / "a", [("a", b"secret")])
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # the flag, in the header of the file and in the list at the end
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(UnavailableError, match="is encrypted: unpack it with the password"):
        extract(archive, tmp_path / "out", ["a"], MB)
    assert member_names(archive, 1) == ["a"]


@pytest.mark.parametrize("maker", MAKERS)
def test_a_file_that_is_there_is_left_and_the_first_of_a_name_counts(tmp_path: Path, maker: Maker):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        archive = maker(tmp_path / "a", [("a", b"1"), ("b", b"2"), ("b", b"3")])
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_bytes(b"mine")
    assert extract(archive, tmp_path / "out", everything, MB) == 2
    assert files(tmp_path / "out") == {"a": b"mine", "b": b"2"}


@pytest.mark.parametrize("mode", ["zip", "bz2", "xz"])
def test_cut_and_damaged_in_the_other_ways_to_pack(tmp_path: Path, mode: str):
    archive = tmp_path / "a"
    if mode == "zip":
        make_zip(archive, [("a", os.urandom(MB))])
    else:
        with tarfile.open(archive, f"w:{mode}") as tar:
            info = tarfile.TarInfo("a")
            info.size = MB
            tar.addfile(info, io.BytesIO(os.urandom(MB)))
    whole = archive.read_bytes()
    for broken in (whole[: MB // 2], whole[:1000] + bytes(1000) + whole[2000:], whole[:9], b"no archive", b""):
        archive.write_bytes(broken)
        with pytest.raises(UnavailableError, match=r"is damaged .*remove it and try again"):
            extract(archive, tmp_path / "out", everything, 9 * MB)
    assert files(tmp_path / "out") == {}


def test_names_are_read_from_the_beginning_only(tmp_path: Path):
    archive = make(tmp_path / "a.tgz", [("a", b""), ("b", b""), ("c", os.urandom(MB)), ("d", b"")])
    archive.write_bytes(archive.read_bytes()[: MB // 2])
    assert member_names(archive, 2) == ["a", "b"]
    with pytest.raises(UnavailableError, match="is damaged"):
        member_names(archive, 4)


def test_an_archive_that_is_not_there(tmp_path: Path):
    for call in (lambda p: member_names(p, 1), lambda p: extract(p, tmp_path / "out", ["a"], MB)):
        with pytest.raises(UsageError, match="cannot be read: No such file"):
            call(tmp_path / "absent")


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "out").write_text("a file where a folder must be")
    with pytest.raises(UsageError, match="cannot be written"):
        extract(make(tmp_path / "a", [("x/a", b"1")]), tmp_path / "out", ["x/a"], MB)


FILL = """
import sys
from pathlib import Path
from codec_bench.unpack import extract
extract(Path(sys.argv[1]), Path(sys.argv[2]), lambda _: True, 1 << 30)
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_a_full_disk_leaves_whole_files_only(tmp_path: Path):
    archive = make(tmp_path / "a", [("a", bytes(MB)), ("b", bytes(9 * MB))])
    disk = tmp_path / "disk"
    disk.mkdir()
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    inner = 'mount -t tmpfs -o size=4m none "$1" && "$2" -c "$3" "$4" "$1"; find "$1" -type f -printf "%P %s\n"'
    arguments = [str(disk), sys.executable, FILL, str(archive)]
    command = ["unshare", *user, "--mount", "sh", "-c", inner, "sh", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("no small file system can be mounted here")
    assert f"DiskFullError: no space left on the disk of {disk}" in done.stderr
    assert done.stdout == f"a {MB}\n"


TERMINAL = """
import sys
from codec_bench import unpack
unpack.LARGE = int(sys.argv[3])
unpack.extract(unpack.Path(sys.argv[1]), unpack.Path(sys.argv[2]), lambda _: True, 1 << 30)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize("large", [True, False])
def test_a_bar_for_large_archives_on_a_terminal(tmp_path: Path, large: bool):
    import pty

    archive = make(tmp_path / "big.tgz", [("a", bytes(MB))])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", TERMINAL, str(archive), str(tmp_path / "out"), str(1 if large else MB)]
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=theirs, timeout=60, env=os.environ | {"TERM": "xterm"}
    )
    os.write(theirs, b".")
    shown = os.read(ours, 1 << 16)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, shown
    assert (b"unpacking big.tgz" in shown) is large
    assert done.stdout == b""


def raw_tar(size: int, name: str = "a", count: int = 1) -> bytes:
    """Headers alone, with a size that the usual programs would not write."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT) * count


@pytest.mark.parametrize("maker", [make, make_zip])
@pytest.mark.parametrize("name", ["n" * 300, "\u00e9" * 130, "/".join(["d" * 200] * 30), "x/" * 600 + "a"])
def test_names_that_no_file_can_have(tmp_path: Path, maker: Maker, name: str):
    archive = maker(tmp_path / "a", [("ok", b"1"), (name, b"2")])
    with pytest.raises(UnavailableError, match="too long for a file") as caught:
        extract(archive, tmp_path / "out", everything, MB)
    assert len(str(caught.value)) < 300
    assert extract(archive, tmp_path / "out", ["ok"], MB) == 1


@pytest.mark.parametrize("size", [-1, -512, -(1 << 40)])
def test_a_negative_size_is_damage(tmp_path: Path, size: int):
    (tmp_path / "a.tar").write_bytes(raw_tar(size) + bytes(1024))
    with pytest.raises(UnavailableError, match=f"a member of {size} bytes"):
        extract(tmp_path / "a.tar", tmp_path / "out", everything, MB)


def test_a_negative_size_in_a_later_header_is_damage(tmp_path: Path):
    info = tarfile.TarInfo("a")
    info.pax_headers = {"size": "-512"}
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.PAX_FORMAT) + bytes(1024))
    with pytest.raises(UnavailableError, match="a member of -512 bytes"):
        extract(tmp_path / "a.tar", tmp_path / "out", everything, MB)


@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["tar", "tar.gz"])
@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.SYMTYPE])
def test_members_without_end_that_hold_nothing(tmp_path: Path, kind: bytes, packed: Callable[[bytes], bytes]):
    info = tarfile.TarInfo("d")
    info.type = kind
    (tmp_path / "a").write_bytes(packed(info.tobuf() * 30_000))
    with pytest.raises(UnavailableError, match="over 20000 members in a row hold nothing"):
        extract(tmp_path / "a", tmp_path / "out", lambda name: False, MB)


def test_a_list_of_a_million_members(tmp_path: Path):
    """The list at the end of a zip archive alone, with the counts that only its newer form can state."""
    entry = zipfile.ZipInfo("a" * 7)
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as one:
        one.writestr(entry, b"")
    data = (tmp_path / "one.zip").read_bytes()
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    count = 1_000_000
    listed = data[start:end] * count
    numbers = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(listed), start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + len(listed), 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / "a.zip").write_bytes(data[:start] + listed + numbers + locator + last)
    with pytest.raises(UnavailableError, match="a list of 53000000 bytes"):
        extract(tmp_path / "a.zip", tmp_path / "out", everything, MB)


def zip64(path: Path, size: int, offset: int, *, with_record: bool = True) -> Path:
    """A member of two bytes whose size and place are stated in 64 bits, with or without the record that has them."""
    make_zip(path, [("a", b"ok")])
    data = path.read_bytes()
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    listed = bytearray(data[start:end])
    packed = int.from_bytes(listed[20:24], "little")
    record = struct.pack("<2H3Q", 1, 24, size, packed, offset) if with_record else b""
    listed[20:28] = b"\xff" * 8
    listed[42:46] = b"\xff" * 4
    struct.pack_into("<H", listed, 30, len(record))
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(listed) + len(record), start, 0)
    path.write_bytes(data[:start] + listed + record + last)
    return path


@pytest.mark.parametrize(
    ("size", "offset", "with_record"),
    [(1 << 60, 0, True), ((1 << 64) - 1, 0, True), (2, 1 << 62, True), (2, (1 << 64) - 1, True), (2, 0, False)],
)
def test_numbers_of_64_bits_that_lie(tmp_path: Path, size: int, offset: int, with_record: bool):
    archive = zip64(tmp_path / "a.zip", size, offset, with_record=with_record)
    with pytest.raises(UnavailableError, match=r"^[^\n]+$"):
        extract(archive, tmp_path / "out", everything, MB)
    assert files(tmp_path / "out") == {}


def test_numbers_of_64_bits_that_are_right(tmp_path: Path):
    assert extract(zip64(tmp_path / "a.zip", 2, 0), tmp_path / "out", everything, MB) == 1
    assert files(tmp_path / "out") == {"a": b"ok"}


@pytest.mark.parametrize("place", [0, 1 << 40, (1 << 64) - 1])
def test_a_zip_archive_whose_list_lies_elsewhere(tmp_path: Path, place: int):
    """The record of 64 bits is somewhere else than is said, or nowhere."""
    data = make_zip(tmp_path / "a.zip", [("a", b"ok")]).read_bytes()
    end = data.index(b"PK\5\6")
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, place, 1)
    for tail in (last, locator + last):
        (tmp_path / "a.zip").write_bytes(data[:end] + tail)
        with pytest.raises(UnavailableError, match=r"^[^\n]+$"):
            extract(tmp_path / "a.zip", tmp_path / "out", everything, MB)
    assert files(tmp_path / "out") == {}


def test_what_is_skipped_may_not_grow_out_of_nothing(tmp_path: Path):
    archive = tmp_path / "a.tgz"
    with gzip.open(archive, "wb", 1) as file:
        file.write(raw_tar(1 << 30))
        for _ in range(1 << 8):
            file.write(bytes(1 << 20))
    with pytest.raises(UnavailableError, match="unpacks to over 100 times its size"):
        extract(archive, tmp_path / "out", ["b"], MB)


def test_many_members_with_something_in_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A corpus of short files, of which a few far behind are wanted."""
    monkeypatch.setattr(unpack, "EMPTY_LIMIT", 100)
    members: list[tuple[str, bytes | str]] = [(f"x/{number}", b"1") for number in range(1000)]
    archive = make(tmp_path / "a.tgz", [*members, ("y/a", b"2")])
    assert extract(archive, tmp_path / "out", lambda name: name.startswith("y/"), MB) == 1
