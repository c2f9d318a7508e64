"""Which code is a plug-in's own, and what an object holds."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.adapters import CODECS
from codec_bench.errors import UsageError
from codec_bench.identity import function_parts, invocation, kept_for, new_invocation, source_of, state_of
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
    assert source.is_complete
    assert source.has_source


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
    assert source.is_complete is is_known


def test_what_is_not_known_is_kept_for_one_invocation(folder: Path):
    (folder / "opens.py").write_text("def f(path):\n    return open(path).read()\n")
    function = importlib.import_module("opens").f
    first = kept_for(function)
    assert first == {"invocation": invocation()} == kept_for(function)
    new_invocation()
    assert kept_for(function) != first
    (folder / "table.dat").write_text("1")
    assert kept_for(function, files=["table.dat"]) == {}
    assert kept_for(function, is_known=True) == {}
    assert kept_for(len, source_of) == {}


HEAD = "import json, os, sys, importlib, importlib.util\nfrom pathlib import Path\n\n\n"


@pytest.mark.parametrize(
    ("text", "is_complete"),
    [
        ("W = 'gain.txt'\n\n\ndef f():\n    return open(W).read()\n", True),
        ("def f():\n    return Path(__file__).with_name('gain.txt').read_text()\n", True),
        ("def f():\n    with open('gain.txt') as stream:\n        return json.load(stream)\n", True),
        ("class A:\n    place = Path('gain.txt')\n\n    def f(self):\n        return self.place.read_bytes()\n", True),
        ("def f():\n    return open(json.load(open('gain.txt'))['path'])\n", False),
        ("def f():\n    c = json.load(open('gain.txt'))\n    return open(c['path']).read()\n", False),
        ("def f():\n    with open('gain.txt') as s:\n        c = json.load(s)\n    return open(c['path'])\n", False),
        ("def f(c):\n    open('gain.txt')\n    return open(c.path).read()\n", False),
        ("def f():\n    return os.environ['K'] + os.environ.get('L', '') + os.getenv('M')\n", True),
        ("def f(k):\n    return os.environ[k]\n", False),
        ("def f():\n    os.environ['SET'] = '1'\n", True),
        ("def f():\n    sys.path.insert(0, 'lib')\n    import found_there_only\n", False),
        ("def f():\n    import not_installed_here\n", True),
        ("def f(p):\n    return importlib.util.spec_from_file_location('x', p), open(p)\n", False),
    ],
)
def test_what_source_reads_is_told_by_its_syntax(folder: Path, text: str, is_complete: bool):
    (folder / "gain.txt").write_text("1")
    (folder / "reads.py").write_text(HEAD + text)
    module = importlib.import_module("reads")
    source = source_of(module.A if hasattr(module, "A") else module.f)
    assert source is not None
    assert source.is_complete is is_complete


def test_environment_variables_that_are_spelled_out_count_by_their_value(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "asks.py").write_text("import os\n\n\ndef f():\n    return os.environ['GAIN']\n")
    function = importlib.import_module("asks").f
    parts = []
    for value in ("1", "2", "1"):
        monkeypatch.setenv("GAIN", value)
        new_invocation()
        parts.append(function_parts(function))
    assert parts[0] == parts[2] != parts[1]


def test_modules_beside_are_found_by_file_and_by_relative_names(folder: Path):
    (folder / "pack").mkdir()
    (folder / "pack" / "__init__.py").write_text("")
    (folder / "pack" / "impl.py").write_text("G = 1\n")
    (folder / "pack" / "code.py").write_text(
        "import importlib\n\n\ndef f():\n    return importlib.import_module('.impl', package=__package__).G\n"
    )
    source = source_of(importlib.import_module("pack.code").f)
    assert source is not None
    assert set(source.modules) == {"pack", "pack.code", "pack.impl"}
    (folder / "loads.py").write_text("def f(util):\n    return util.spec_from_file_location('x', 'pack/impl.py')\n")
    source = source_of(importlib.import_module("loads").f)
    assert source is not None
    assert source.files == {"pack/impl.py": sha(folder / "pack" / "impl.py")}
    (folder / "worker.py").write_text("import worker_helper\n")
    (folder / "worker_helper.py").write_text("from worker import x\n")
    (folder / "isolated.py").write_text("from pathlib import Path\n\n\nclass A:\n    worker = Path('worker.py')\n")
    source = source_of(importlib.import_module("isolated").A)
    assert source is not None
    assert set(source.files) == {"worker.py", "worker_helper.py"}


def test_a_file_of_the_users_own_may_have_the_name_of_a_module_of_python(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "chunk.py").write_text("def f():\n    return 1\n")
    spec = importlib.util.spec_from_file_location("chunk", folder / "chunk.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "chunk", module)
    spec.loader.exec_module(module)
    source = source_of(module.f)
    assert source is not None
    assert set(source.modules) == {"chunk"}


def test_functions_that_were_made_with_other_values_are_others(folder: Path):
    (folder / "makes.py").write_text(
        "def make(gain):\n    def f(x, *, bias=0):\n        return gain * x + bias\n\n    return f\n\n\n"
        "def g(gain, x):\n    return gain * x\n"
    )
    module = importlib.import_module("makes")
    one, two, again = (function_parts(module.make(gain)) for gain in (1, 2, 1))
    assert one == again != two
    counts = module.make([])
    first = function_parts(counts)
    counts.__closure__[0].cell_contents.append(1)  # within a run, an address does not follow what a function keeps
    assert function_parts(counts) == first
    one, two, again = (function_parts(partial(module.g, gain)) for gain in (1, 2, 1))
    assert one == again != two


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
    assert not source.has_source


# --- what objects hold ---------------------------------------------------------------------------------------------


class Holder:
    def __init__(self, **parts: Any) -> None:
        self.__dict__ |= parts


class Slots:
    __slots__ = ("gain",)

    def __init__(self, gain: float) -> None:
        self.gain = gain


def scaled(gain: float) -> Any:
    return lambda x: gain * x


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
        ({"name": "x/1.0"}, {"name": "x/0.5"}),
        ({"scalar": np.float32(1)}, {"scalar": np.float32(2)}),
        ({"set": {1, 2}}, {"set": {1, 3}}),
        ({"slots": Slots(1)}, {"slots": Slots(2)}),
        ({"function": scaled(1)}, {"function": scaled(2)}),
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
    plain = model()
    plain[1].scale = 3.0
    buffered = model()
    buffered.register_buffer("table", torch.ones(2), persistent=False)
    assert len({digests(model=made)[0] for made in (model(), plain, buffered)}) == 3
    half = digests(model=model().to(torch.bfloat16))
    assert half[1] != one[1]


def test_what_refers_to_itself_ends():
    holder = Holder(x=1)
    holder.me = holder
    holder.list = [holder]
    assert state_of(holder) == state_of(holder)
