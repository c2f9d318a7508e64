"""YAML that is too much: refused in one line, whatever is read of it, and before anything is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from codec_bench import documents
from codec_bench.comparison.gate import load_gate
from codec_bench.documents import read_yaml
from codec_bench.errors import UsageError
from codec_bench.listening_tests.key import Key
from codec_bench.reconstruction.config import RunConfig

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)

REFUSED = {
    "infinite": ("limit: .inf", "inf is no finite number"),
    "infinite inside": ("codec: [{a: [-.inf]}]", "-inf is no finite number"),
    "not a number": ("timeout: .nan", "nan is no finite number"),
    "too large a number": (f"limit: {'9' * 400}", "a whole number of 400 digits"),
    "more digits than Python reads": (f"limit: {'9' * 5000}", "4300 digits"),
    "5,000 levels of lists": (f"codec: {'[' * 5000}{']' * 5000}", "levels|nesting"),
    "5,000 levels of mappings": (f"codec: {'{a: ' * 5000}{'}' * 5000}", "levels|nesting"),
    "levels by indentation": ("".join(f"{' ' * level}a:\n" for level in range(1000)), "over 20 levels"),
    "300,000 codecs": (f"codec: [{', '.join(['codec2@1200'] * 300_000)}]", "may have 1000000 bytes"),
    "300,000 short ones": (f"codec: [{','.join('a' * 300_000)}]", "over 20000 entries"),
    "what multiplies": (f"{LAUGHS}codec: *a9", "aliases make over"),
    "what holds itself": ("codec: &a [*a]", "aliases make over"),
    "a key twice": ("codec: [a]\ncodec: [b]", "the key 'codec' stands in it twice, line 2"),
    "a call": ("codec: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
    "a control character": ("codec: [a\x00b]", "control characters|special characters"),
    "a list as a key": ("? [a, b]\n: c", "unhashable key"),
    "a date that is none": ("limit: 2024-99-99", "month must be"),
    "no end": ("codec: [a", "not valid YAML"),
}


@pytest.mark.parametrize("reader", [RunConfig.load, load_gate, read_yaml])
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(tmp_path: Path, case: str, reader: Callable[[Path], object]):
    text, message = REFUSED[case]
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        reader(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"codec: [\xff\xfe]")
    with pytest.raises(UsageError, match="not valid YAML: 'utf-8' codec"):
        read_yaml(path)
    for other, message in ((tmp_path, "Is a directory"), (tmp_path / "absent", "No such file")):
        with pytest.raises(UsageError, match=f"{other} cannot be read: {message}"):
            read_yaml(other)


def test_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.yaml"
    path.write_text("\ufeffbase: &base {a: 1, b: [2.5, null, yes]}\nmore: {<<: *base, a: 2}\ntext: '.inf'\n")
    for loader in (documents._LOADER, documents.yaml.SafeLoader):  # as on machines whose PyYAML has no libyaml
        monkeypatch.setattr(documents, "_LOADER", loader)
        base = {"a": 1, "b": [2.5, None, True]}
        assert read_yaml(path) == {"base": base, "more": base | {"a": 2}, "text": ".inf"}


def test_a_thousand_systems_are_read(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_text(f"codec: [{', '.join(f'opus@{rate}' for rate in range(6000, 7000))}]\ndataset: [demo]\n")
    assert len(RunConfig.load(path).codec) == 1000


@pytest.mark.parametrize("option", [{"limit": 10**400}, {"seed": 2**63}, {"codebooks": [1, 10**30]}])
def test_numbers_that_no_option_can_have(option: dict[str, object]):
    with pytest.raises(UsageError, match="larger than any number"):
        RunConfig(codec=["a"], dataset=["demo"], **option)
    with pytest.raises(UsageError, match="finite number"):
        RunConfig(codec=["a"], dataset=["demo"], timeout=float("inf"))


def test_json_that_is_nested_without_end(tmp_path: Path):
    path = tmp_path / "key.json"
    path.write_text("[" * 100_000)
    with pytest.raises(UsageError, match="is not the key of a listening test"):
        Key.load(path)
