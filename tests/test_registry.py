"""Names of plug-ins: found late, found anywhere, and never without a hint."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from codec_bench.adapters import CODECS
from codec_bench.datasets import DATASETS
from codec_bench.datasets.dataset import Dataset
from codec_bench.errors import UsageError
from codec_bench.metrics import METRICS
from codec_bench.registry import Registry, unknown

TABLE = {"path": "pathlib:Path", "fraction": "fractions:Fraction", "broken": "codec_bench_no_such_module:X"}


@pytest.fixture
def registry() -> Registry[type]:
    return Registry("thing", TABLE, group="codec_bench.tests.nothing")


def test_a_plug_in_is_imported_when_it_is_asked_for(registry: Registry[type]) -> None:
    assert registry.get("path") is Path
    assert registry.get("collections:OrderedDict").__name__ == "OrderedDict"


def test_names_are_in_the_order_of_the_table_then_of_registration(registry: Registry[type]) -> None:
    registry.add("zebra", int)
    registry.add("ant", int)
    assert registry.names() == ["path", "fraction", "broken", "zebra", "ant"]


def test_the_last_one_wins(registry: Registry[type]) -> None:
    assert registry.get("path") is Path
    assert registry.add("path", int) is int
    assert registry.get("path") is int
    assert registry.names().count("path") == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pth", "unknown thing 'pth'; did you mean 'path'?"),
        ("fractoin", "did you mean 'fraction'?"),
        ("qqqqqq", "unknown thing 'qqqqqq'; known: path, fraction, broken"),
        ("", "unknown thing ''"),
        ("PATH/../x", "unknown thing"),
        ("broken", "'codec_bench_no_such_module:X' cannot be imported: No module named"),
        ("no_such_module:Thing", "cannot be imported"),
        ("pathlib:Nothing", "module 'pathlib' has no thing named 'Nothing'"),
    ],
)
def test_what_is_not_there(registry: Registry[type], name: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        registry.get(name)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_several_near_names() -> None:
    assert unknown("metric", "pesq", ["pesq_wb", "pesq_nb", "stoi"]).endswith("did you mean 'pesq_wb' or 'pesq_nb'?")


def test_a_module_that_fails_to_import_says_why(
    registry: Registry[type], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_installed_plugin.py").write_text("import a_package_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="a_package_that_is_missing"):
        registry.get("half_installed_plugin:Codec")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third party's package with an entry point, as pip leaves it in site-packages."""
    (tmp_path / "their_plugin.py").write_text(
        "from codec_bench.datasets.dataset import Dataset\nclass Theirs(Dataset):\n    name = 'theirs'\n"
    )
    info = tmp_path / "their_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[codec_bench.tests.datasets]\ntheirs = their_plugin:Theirs\npath = their_plugin:Theirs\n"
        "lost = their_plugin:Lost\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("installed")
def test_entry_points() -> None:
    registry: Registry[type] = Registry("dataset", TABLE, group="codec_bench.tests.datasets")
    assert registry.names() == ["path", "fraction", "broken", "theirs", "lost"]
    assert "their_plugin" not in sys.modules
    assert issubclass(registry.get("theirs"), Dataset)
    assert registry.get("path") is Path  # an installed package cannot take a name that ships
    with pytest.raises(UsageError, match="'their_plugin' has no dataset named 'Lost'"):
        registry.get("lost")


@pytest.mark.usefixtures("installed")
def test_entry_points_are_found_without_listing_first() -> None:
    registry: Registry[type] = Registry("dataset", {}, group="codec_bench.tests.datasets")
    assert registry.get("theirs").__name__ == "Theirs"


@pytest.mark.parametrize("registry", [CODECS, METRICS, DATASETS], ids=lambda r: r.kind)
def test_a_near_name_of_what_ships(registry: Registry[object]) -> None:
    for name in registry.names():
        with pytest.raises(UsageError, match="did you mean"):
            registry.get(name + "x")


LISTING = """
import json, sys
from codec_bench.adapters import CODECS
from codec_bench.datasets import DATASETS
from codec_bench.metrics import METRICS
names = [CODECS.names(), DATASETS.names(), METRICS.names()]
try:
    CODECS.get("no such codec")
except Exception as error:
    message = str(error)
print(json.dumps({"names": names, "message": message, "modules": sorted(sys.modules)}))
"""


def test_listing_imports_neither_models_nor_plug_ins() -> None:
    done = subprocess.run([sys.executable, "-c", LISTING], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert all(seen["names"])
    assert "unknown codec" in seen["message"]
    modules = set(seen["modules"])
    heavy = {
        "torch", "scipy", "av", "soundfile", "soxr", "pandas", "pyarrow", "pesq", "pystoi", "pyworld", "resemblyzer",
        "pocketsphinx", "pycodec2", "jiwer", "matplotlib", "ai_edge_litert", "lc3", "parselmouth",
    }  # fmt: skip
    assert not modules & heavy
    plugins = {target.partition(":")[0] for r in (CODECS, DATASETS, METRICS) for target in r._table.values()}
    assert len(plugins) > 10
    assert not modules & plugins
