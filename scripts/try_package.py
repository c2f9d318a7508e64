"""Tries a built package as its users would: looks into it, installs the wheel, and runs it from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
IN_SDIST = ("README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "constraints.txt", "docs/running.md", "action.yml",
            "docs/images/html-report.png", "ci/gate.sh")  # fmt: skip
IN_WHEEL = ("codec_bench/py.typed", "codec_bench/datasets/demo/manifest.tsv", "codec_bench/languages.tsv")
COMMAND = ["run", "--codec", "opus@6000", "--dataset", "demo", "--limit", "2", "--metrics", "stoi", "--out", "run"]


def check_contents(dist: Path) -> Path:
    """Checks both files of a folder; returns the wheel."""
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    if absent := [name for name in IN_SDIST if name not in inside]:
        sys.exit(f"{sdist.name} lacks {', '.join(absent)}")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        text = archive.read(metadata).decode()
    if absent := [name for name in IN_WHEEL if name not in names]:
        sys.exit(f"{wheel.name} lacks {', '.join(absent)}")
    if foreign := {name.partition("/")[0] for name in names} - {"codec_bench", metadata.partition("/")[0]}:
        sys.exit(f"{wheel.name} also installs {', '.join(sorted(foreign))}")
    if "](docs/" in text:
        sys.exit(f"{wheel.name}: its description has links that PyPI cannot follow")
    return wheel


def main(dist: Path) -> None:
    """Installs the wheel into an environment of its own and runs it."""
    wheel = check_contents(dist).resolve()
    with TemporaryDirectory() as folder:
        place = Path(folder)
        venv.create(place / "venv", with_pip=True)
        program = place / "venv" / "bin"
        constraints = ["-c", str(ROOT / "constraints.txt")]
        subprocess.run(
            [program / "python", "-m", "pip", "install", "--quiet", *constraints, f"codec-bench @ {wheel.as_uri()}"],
            check=True,
        )
        (place / "empty").mkdir()
        home = os.environ | {"CODEC_BENCH_HOME": str(place / "home"), "CODEC_BENCH_OFFLINE": "1"}
        home.pop("PYTHONPATH", None)
        for arguments in (["--version"], ["doctor"], COMMAND):
            subprocess.run([program / "codec-bench", *arguments], check=True, cwd=place / "empty", env=home)
        if not (place / "empty" / "run" / "report.html").is_file():
            sys.exit("the run left no report")
    print(f"{wheel.name}: installed and run")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
