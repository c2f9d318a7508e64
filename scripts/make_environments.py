"""Makes environments as a user does who has codec-bench and none of its extras, and says which of them can be used.

`python scripts/make_environments.py MIRROR NAME...` makes a virtual environment with what codec-bench cannot be
without, in the versions of `constraints.txt`, and there runs `codec-bench env create` for each name, or for all
environments that have our Python and no torch of their own. Each is removed when it was tried. MIRROR is a folder with
`sources`, archives as `OWNER-NAME-COMMIT.tar.gz` with one folder at their top; packages are those of the package index.
With `--keep FOLDER` the virtual environment is left there for the next time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def base_environment(folder: Path) -> Path:
    """The interpreter of a virtual environment with codec-bench and none of its extras."""
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, "--upgrade", "pip", "setuptools<81"], check=True)
    subprocess.run([*pip, "-e", str(ROOT)], check=True)
    return python


class CommandLine:
    """`codec-bench env` of an interpreter."""

    def __init__(self, python: Path, mirror: Path, home: Path) -> None:
        self.program = str(python.with_name("codec-bench"))
        self.variables = {**os.environ, "CODEC_BENCH_HOME": str(home), "CODEC_BENCH_MIRROR": str(mirror)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Carries out one command; what it prints is kept."""
        command = [self.program, "env", *arguments]
        return subprocess.run(command, env=self.variables, capture_output=True, text=True, check=False, cwd="/")

    def facts(self) -> dict[str, dict[str, Any]]:
        """What `env list --json` says, by environment."""
        return {row["environment"]: row for row in json.loads(self.run("list", "--json").stdout)}


def tried(commands: CommandLine, name: str) -> bool:
    """Makes an environment, prints a line about it, and removes it; whether it can be used."""
    started = time.monotonic()
    done = commands.run("create", name)
    seconds = time.monotonic() - started
    fact = commands.facts()[name]
    is_usable = (
        done.returncode == 0 and fact["state"] == "ready" and fact["imports"] and not any(fact["imports"].values())
    )
    last = "" if is_usable else (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
    own = " ".join(f"{package}=={version}" for package, version in fact["packages"].items())
    print(f"{name}\t{fact['state']}\t{seconds:.0f} s\t{fact['size_bytes'] / 1e6:.0f} MB\t{last or own}", flush=True)
    commands.run("remove", name, "--yes")
    return bool(is_usable)


def main() -> None:
    """Ends with status 1 if one of them cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mirror", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory(prefix="codec-bench-") as scratch:
        python = base_environment(given.keep or Path(scratch, "base"))
        commands = CommandLine(python, given.mirror.resolve(), Path(scratch, "home"))
        names = given.names or [name for name, fact in commands.facts().items() if fact["inherits"]]
        failed = [name for name in names if not tried(commands, name)]
    if failed:
        sys.exit(f"cannot be used: {', '.join(failed)}")


if __name__ == "__main__":
    main()
