"""The data set that ships with the package, so that everything can be tried without a download."""

from __future__ import annotations

from pathlib import Path

from codec_bench.datasets.manifest import Manifest


class Demo(Manifest):
    """24 short English sentences by five free text-to-speech voices, 16 kHz; `demo/README.md` says how it was made."""

    name = "demo"
    title = "24 sentences by 5 synthetic English voices, 16 kHz"
    licence = "permissive (BSD/X11 kind), see codec_bench/datasets/demo/README.md"
    source = "flite and festival voices, bundled with codec-bench"
    synthetic = True

    def __init__(self) -> None:
        super().__init__(Path(__file__).parent / "demo" / "manifest.tsv")
        self.name = type(self).name
