"""A data set of a user that raises or gives something else is an error of one line, which names it and the place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import codec_bench
from codec_bench.coding.items import Item, resolve_items
from codec_bench.datasets.demo_set import Demo
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UsageError
from codec_bench.reconstruction.config import RunConfig

SOURCE = """
from dataclasses import replace
from codec_bench.datasets import Dataset
from codec_bench.datasets.demo_set import Demo

FIRST, SECOND = list(Demo().utterances())[:2]

class Mine(Dataset):
    name = "mine"
{body}
"""

UTTERANCES = "\n    def utterances(self): return iter([FIRST, SECOND])"

BAD = {
    "None for an utterance": ("    def utterances(self): return [FIRST, None]", "'mine' cannot be read: TypeError: "
        "utterance 2 is None, not an Utterance", "def utterances"),
    "no list": ("    def utterances(self): return None", "'mine' cannot be read: TypeError: 'NoneType' object is not "
        "iterable", "def utterances"),
    "a number as id": ("    def utterances(self): return [replace(FIRST, id=1)]", "'mine' cannot be read: TypeError: "
        "the id of utterance 1 is 1, not a text", "def utterances"),
    "no path": ("    def utterances(self): return [FIRST, replace(SECOND, path=None)]", "'mine' cannot be read: "
        "TypeError: the path of utterance 'rms-02' is None, not a Path", "def utterances"),
    "it raises on the way": ("    def utterances(self):\n        yield FIRST\n        raise OSError('disk')",
        "'mine' cannot be read: OSError: disk", "'disk'"),
    "no name": (f"    name = None{UTTERANCES}", "bad_set:Mine cannot be made: TypeError: it gives no `name`, as in "
        "name = 'my-set', but None", "class Mine"),
    "its constructor raises": (f"    def __init__(self): self.at = {{}}['root']{UTTERANCES}",
        "bad_set:Mine cannot be made: KeyError: 'root'", "['root']"),
    "its constructor exits": (f"    def __init__(self): raise SystemExit(0){UTTERANCES}",
        "bad_set:Mine cannot be made: SystemExit: 0", "SystemExit"),
    "an abstract class": ("", "bad_set:Mine cannot be made: TypeError: Can't instantiate abstract class", "class Mine"),
    "its notes raise": (f"    def notes(self): return {{}}['n']{UTTERANCES}", "'mine' cannot be read: KeyError: 'n'",
        "['n']"),
    "its notes are none": (f"    def notes(self): return [1]{UTTERANCES}", "'mine' cannot be read: TypeError: `notes` "
        "gives texts, not 1", "def utterances"),
    "fetching exits": (f"    def fetch(self): raise SystemExit(0){UTTERANCES}", "'mine' cannot be read: SystemExit: 0",
        "SystemExit"),
}  # fmt: skip


def write(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> str:
    source = SOURCE.format(body=body)
    (folder / "bad_set.py").write_text(source)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "bad_set", raising=False)
    return source


def items(name: str) -> tuple[Item, ...]:
    return resolve_items(load_dataset(name), []).items


@pytest.mark.parametrize("case", BAD)
def test_it_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str):
    body, message, line = BAD[case]
    source = write(tmp_path, monkeypatch, body)
    with pytest.raises(UsageError) as caught:
        items("bad_set:Mine")
    number = next(n for n, text in enumerate(source.splitlines(), 1) if line in text)
    assert str(caught.value).startswith(f"data set {message}")
    assert str(caught.value).endswith(f" (bad_set.py:{number})")
    assert "\n" not in str(caught.value)


def test_a_path_may_be_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    body = "    def utterances(self): return [replace(u, path=str(u.path)) for u in (FIRST, SECOND)]"
    write(tmp_path, monkeypatch, body)
    assert items("bad_set:Mine") == resolve_items(Demo(), []).items[:2]


@pytest.mark.long
def test_a_name_leads_out_of_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, monkeypatch, f"    name = 'a/../../b'{UTTERANCES}")
    options: dict[str, Any] = {"metrics": ["si_sdr"], "limit": 1, "jobs": 1, "report": False, "ground_truth": False}
    out = tmp_path / "runs" / "out"
    runs = codec_bench.run_suite(RunConfig(codec=["gsm"], dataset=["bad_set:Mine", "demo"], out=out, **options))
    assert {name: run.path for name, run in runs.items()} == {"bad_set:Mine": out / "a_.._.._b", "demo": out / "demo"}
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["out"]
