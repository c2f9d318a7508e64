"""A notebook: a kernel of IPython that a person types into, over the protocol that Jupyter speaks with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ipykernel")
jupyter_client = pytest.importorskip("jupyter_client")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.as_user,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of zmq and of jupyter_client's own paths
]

SECONDS = 300.0
"""How long a cell may take."""


class Notebook:
    """Cells that are run one after the other."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def cell(self, code: str) -> dict[str, Any]:
        """What a cell shows, by kind of media; what it wrote is under `stream`."""
        shown: dict[str, Any] = {"stream": ""}

        def seen(message: dict[str, Any]) -> None:
            content = message["content"]
            assert message["msg_type"] != "error", "\n".join(content["traceback"])
            if message["msg_type"] == "stream":
                shown["stream"] += content["text"]
            shown.update(content.get("data", {}) if message["msg_type"] == "execute_result" else {})

        reply = self._client.execute_interactive(code, output_hook=seen, timeout=SECONDS)
        assert reply["content"]["status"] == "ok"
        return shown

    def completed(self, text: str) -> list[str]:
        """What the tab key offers behind a text."""
        matches: list[str] = self._client.complete(text, reply=True, timeout=SECONDS)["content"]["matches"]
        return matches


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    manager, client = jupyter_client.manager.start_new_kernel(startup_timeout=SECONDS, cwd=str(tmp_path))
    try:
        yield Notebook(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_run_shows_itself_and_names_are_completed(notebook: Notebook, tmp_path: Path):
    notebook.cell("import codec_bench")
    offered = [name.removeprefix("codec_bench.") for name in notebook.completed("codec_bench.ru")]
    assert offered[:2] == ["run", "run_suite"]
    options = "metrics=['stoi', 'si_sdr'], sample=1, jobs=1, out='mine', report=False"
    shown = notebook.cell(f"run = codec_bench.run('codec2@1200', 'demo', {options})\nrun")
    assert "<td>codec2@1200</td><td>1.20</td>" in shown["text/html"]
    assert "stoi" in shown["text/html"]
    assert shown["text/plain"].startswith("Run('mine', demo, 2 systems, 2 metrics, ")
    assert "Traceback" not in shown["stream"]
    assert (tmp_path / "mine" / "summary.csv").is_file()
    evaluated = notebook.cell(
        "import numpy as np\nx = np.random.default_rng(0).normal(0, 0.1, 16000)\n"
        "codec_bench.evaluate(x, 0.5 * x, 16000, metrics=['si_sdr'])"
    )
    assert "si_sdr" in evaluated["text/html"]
    compared = notebook.cell("codec_bench.compare('mine', 'mine')")
    assert "<td>codec2@1200</td>" in compared["text/html"]
