"""Plug-ins that a run planned, and that are others or nothing in the processes that code and score."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import codec_bench
from codec_bench.adapters import CODECS
from codec_bench.metrics import METRICS as ALL_METRICS
from codec_bench.runs.directory import Run

HERE = Path(__file__).parent

ONCE = """
from pathlib import Path
mark = Path(__file__).with_suffix(".imported")
if mark.exists():
    raise RuntimeError("the port is taken")
mark.touch()
"""

MODULES = {
    "editor": """
from pathlib import Path
from bad_plugins import Plain

class Editor(Plain):
    \"\"\"Edits the modules of others while it runs, as a user does.\"\"\"

    name = "editor"

    def _decode(self, code):
        for late in ("late_codec.py", "late_metric.py"):
            path = Path(__file__).with_name(late)
            path.write_text(path.read_text() + "# edited\\n")
        return super()._decode(code)
""",
    "late_codec": """
from bad_plugins import Plain

class Late(Plain):
    name = "late"
""",
    "late_metric": """
from codec_bench.metrics import register_metric

@register_metric("late", better="lower")
def late(decoded):
    return 1.0
""",
    "once_codec": f"{ONCE}\nfrom bad_plugins import Plain\n\nclass Once(Plain):\n    name = 'once'\n",
    "once_made": f"""
from bad_plugins import Plain

class Once(Plain):
    name = "once-made"

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        {ONCE.strip().replace(chr(10), chr(10) + "        ")}
""",
    "once_metric": f"""{ONCE}
from codec_bench.metrics import register_metric

@register_metric("once", better="lower")
def once(decoded):
    return 1.0
""",
    "added": "from bad_plugins import Plain\n\nclass Added(Plain):\n    name = 'added'\n",
}

CODERS = {
    "late_codec:Late": ("changed", "the code of late was changed after the run was planned: run again"),
    "once_codec:Once": ("encode_failed", "RuntimeError: the port is taken (once_codec.py:5)"),
    "once_made:Once": ("encode_failed", "RuntimeError: the port is taken (once_made.py:12)"),
}

ROWS = {"late_codec:Late": "late", "once_codec:Once": "once", "once_made:Once": "once-made"}

METRICS = {
    "late": ("changed", "the code of late_metric:late was changed after the run was planned: run again"),
    "once": ("error", "RuntimeError: the port is taken (once_metric.py:5)"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("modules")
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        patch.syspath_prepend(str(folder))
        patch.setenv("CODEC_BENCH_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setitem(CODECS._loaded, "added", importlib.import_module("added").Added)
        patch.setattr(ALL_METRICS, "_loaded", dict(ALL_METRICS._loaded))
        return codec_bench.run(
            ["editor:Editor", *CODERS, "added", "g721"], "demo", limit=2, jobs=1, report=False, ground_truth=False,
            metrics=["si_sdr", "late_metric:late", "once_metric:once"], out=tmp_path_factory.mktemp("out") / "run",
        )  # fmt: skip


@pytest.mark.long
class TestOneRun:
    @pytest.mark.parametrize("name", CODERS)
    def test_a_codec_that_is_another_one_or_nothing_costs_its_own_row(self, run: Run, name: str):
        scores = run.scores[run.scores["system"] == ROWS[name]]
        status, reason = CODERS[name]
        assert set(scores["status"]) == {status}
        assert all(told.endswith(reason) for told in scores["reason"])
        kept = [file.read_text() for file in (run.path / "failures").glob(f"{ROWS[name]}.txt")]
        assert len(kept) == (status != "changed")
        assert all("RuntimeError: the port is taken" in text for text in kept)

    @pytest.mark.parametrize("metric", METRICS)
    @pytest.mark.parametrize("system", ["editor", "g721"])
    def test_a_metric_that_is_another_one_or_nothing_costs_its_own_column(self, run: Run, system: str, metric: str):
        scores = run.scores[(run.scores["system"] == system) & (run.scores["metric"] == metric)]
        status, reason = METRICS[metric]
        assert set(scores["status"]) == {status}
        assert all(told.endswith(reason) for told in scores["reason"])

    @pytest.mark.parametrize("system", ["editor", "added", "g721"])
    def test_the_others_are_scored(self, run: Run, system: str):
        scores = run.scores[(run.scores["system"] == system) & (run.scores["metric"] == "si_sdr")]
        assert set(scores["status"]) == {"ok"}
        assert len(scores) == 2


def test_a_name_that_was_added_here_stands_for_nothing_in_another_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(HERE))
    plain = CODECS.get("bad_plugins:Plain")
    assert CODECS.gives("bad_plugins:Plain", plain)
    assert CODECS.gives("gsm", CODECS.get("gsm"))
    monkeypatch.setattr(CODECS, "_loaded", dict(CODECS._loaded))
    CODECS.add("mine", plain)
    CODECS.add("gsm", plain)
    assert not CODECS.gives("mine", plain)
    assert not CODECS.gives("gsm", plain)
