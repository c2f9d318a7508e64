"""Which code is a plug-in's own, and what an object holds."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.adapters import CODECS
from codec_bench.errors import UsageError
from codec_bench.identity import function_parts, invocation, new_invocation, source_of, state_of
from codec_bench.metrics import METRICS, metric


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_ships_is_no_plug_in():
    for name in CODECS.names():
        assert source_of(CODECS.get(name)) is None, name
    for name, target in METRICS._table.items():
        if target.startswith("codec_bench."):
            assert metric(name).identity == {}, name
            assert metric(name).code == "", name


def test_imports_of_the_users_own_are_followed_wherever_they_stand(folder: Path):
    package = folder / "lab"
    (package / "deep").mkdir(parents=True)
    files = {
        "__init__.py": "",
        "codec.py": "import numpy\nfrom . import near\nfrom .deep import model as m\n\n\n"
        "class Mine:\n    def run(self):\n"
        "        import lab.lazy\n        import alone\n        import importlib\n"
        "        importlib.import_module('lab.named')\n",
        "near.py": "from lab.deep.model import x\n",
        "lazy.py": "from ..nowhere import nothing\n",
        "named.py": "",
        "unused.py": "",
        "deep/__init__.py": "",
        "deep/model.py": "import codec_bench, json, yaml\nfrom ..further import *\nx = 1\n",
        "further.py": "import lab.codec\n",
    }
    for name, text in files.items():
        (package / name).write_text(text)
    (folder / "alone.py").write_text("1")
    wanted = {
        "lab": "lab/__init__.py", "lab.codec": "lab/codec.py", "lab.near": "lab/near.py", "lab.lazy": "lab/lazy.py",
        "lab.named": "lab/named.py", "lab.deep": "lab/deep/__init__.py", "lab.deep.model": "lab/deep/model.py",
        "lab.further": "lab/further.py", "alone": "alone.py",
    }  # fmt: skip
    source = source_of(importlib.import_module("lab.codec").Mine)
    assert source is not None
    assert source.modules == {module: sha(folder / file) for module, file in wanted.items()}
    assert set(source.packages) == {"numpy", "PyYAML"}
    assert source.packages["numpy"] == np.__version__
    assert source.is_known


def test_classes_that_are_made_or_inherited_count_by_the_modules_that_define_them(folder: Path):
    (folder / "basis.py").write_text("import abc\n\n\nclass Base(abc.ABC):\n    pass\n")
    (folder / "made.py").write_text(
        "from basis import Base\n\nMade = type('Made', (Base,), {'f': lambda self: 1})\n\n\n"
        "class Child(Base):\n    pass\n"
    )
    module = importlib.import_module("made")
    for cls in (module.Made, module.Child):
        source = source_of(cls)
        assert source is not None
        assert set(source.modules) == {"made", "basis"}


@pytest.mark.parametrize(
    ("text", "named", "is_known"),
    [
        ("def f():\n    return float(open('gain.txt').read())\n", True, True),
        ("P = __file__\n\n\ndef f():\n    return float(open(P + '/../gain').read())\n", False, False),
        ("import numpy as np\n\n\ndef f(path):\n    return np.load(path)\n", False, False),
        ("def f():\n    with open('log', 'a') as log:\n        log.write('x')\n", False, True),
        ("from pathlib import Path\n\n\ndef f():\n    Path('log').open('w').write('x')\n", False, True),
        ("def f():\n    return 1\n", False, True),
    ],
)
def test_files_that_the_source_names_count_and_files_that_it_does_not_are_unknown(
    folder: Path, text: str, named: bool, is_known: bool
):
    (folder / "gain.txt").write_text("1")
    (folder / "reads.py").write_text(text)
    source = source_of(importlib.import_module("reads").f)
    assert source is not None
    assert source.files == ({"gain.txt": sha(folder / "gain.txt")} if named else {})
    assert source.is_known is is_known


def test_what_is_not_known_is_kept_for_one_invocation(folder: Path):
    (folder / "opens.py").write_text("def f(path):\n    return open(path).read()\n")
    function = importlib.import_module("opens").f
    first = function_parts(function)
    assert first["invocation"] == invocation()
    assert function_parts(function) == first
    new_invocation()
    assert function_parts(function) != first
    (folder / "table.dat").write_text("1")
    assert "invocation" not in function_parts(function, files=["table.dat"])
    assert "invocation" not in function_parts(function, is_known=True)


def test_an_edit_after_the_import_is_an_error_until_the_module_is_reloaded(folder: Path):
    (folder / "edited.py").write_text("def f():\n    return 1\n")
    module = importlib.import_module("edited")
    new_invocation()
    first = source_of(module.f)
    assert first is not None
    (folder / "edited.py").write_text("def f():\n    return 2222\n")
    assert source_of(module.f) is first  # within a run, code is what it was
    new_invocation()
    with pytest.raises(UsageError, match="edited was edited after Python imported it"):
        source_of(module.f)
    importlib.reload(module)
    new_invocation()
    second = source_of(module.f)
    assert second is not None
    assert second.code != first.code


def test_code_without_source_is_not_known():
    scope: dict[str, Any] = {"__name__": "typed_in"}
    exec("def f():\n    return 1\n", scope)
    source = source_of(scope["f"])
    assert source is not None
    assert source.modules == {"typed_in": None}
    assert not source.is_known


# --- what objects hold ---------------------------------------------------------------------------------------------


class Holder:
    def __init__(self, **parts: Any) -> None:
        self.__dict__ |= parts


def digests(**parts: Any) -> tuple[str, str, int]:
    state = state_of(Holder(**parts))
    return state.digest, state.tensors, state.parameters


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"gain": 1.0}, {"gain": 1.5}),
        ({"nested": [1, {"a": (2, 3)}]}, {"nested": [1, {"a": (2, 4)}]}),
        ({"array": np.zeros(3)}, {"array": np.zeros(3, np.float32)}),
        ({"array": np.zeros((2, 3))}, {"array": np.zeros((3, 2))}),
        ({"inner": Holder(x=1)}, {"inner": Holder(x=2)}),
        ({"name": "a"}, {"name": "b"}),
    ],
)
def test_other_values_are_another_state(one: dict[str, Any], other: dict[str, Any]):
    assert digests(**one) == digests(**one)
    assert digests(**one)[0] != digests(**other)[0]


def test_order_and_folders_do_not_count():
    assert digests(a=1, b={"x": 1, "y": 2}) == digests(b={"y": 2, "x": 1}, a=1)
    assert digests(path="/home/one/w.pt") == digests(path="/somewhere/else/w.pt")
    assert digests(path=Path("one")) == digests(path=Path("two"))


def test_a_module_of_pytorch_counts_by_its_state_dict():
    torch = pytest.importorskip("torch")

    def model(change: float = 0.0, training: bool = False) -> Any:
        torch.manual_seed(1)
        made = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).train(training)
        made[0].weight.data[0, 0] += change
        return made

    one = digests(model=model())
    assert one == digests(model=model())
    assert one[2] == sum(t.numel() for t in model().state_dict().values()) == 16 + 4 * 4 + 1
    assert digests(model=model(1e-7))[1] != one[1]
    assert digests(model=model(training=True))[0] != one[0]
    assert digests(wrapped=Holder(net=model()))[2] == one[2]
    half = digests(model=model().to(torch.bfloat16))
    assert half[1] != one[1]


def test_what_refers_to_itself_ends():
    holder = Holder(x=1)
    holder.me = holder
    holder.list = [holder]
    assert state_of(holder) == state_of(holder)
