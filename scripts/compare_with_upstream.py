"""Compares codecs that run in environments of their own with their authors' code, on random weights and a recording.

`python scripts/compare_with_upstream.py MIRROR NAME... --recording FILE` makes a virtual environment with what
codec-bench cannot be without (`make_environments.py`), and in it, for each file NAME of `upstream/` or for all of them,
creates the codec's environment, whose imports are tried. There a process writes random weights as they are published,
and another one codes the recording with the authors' own call, from their whole source tree. The codec is loaded
from the same weights and codes the recording as it does in a run. Tokens, what is sent once, and samples are compared.

MIRROR is a folder with `sources`, as for `make_environments.py`. With `--keep FOLDER` virtual environments are left
there for the next time; the environments of codecs are removed as soon as no other codec needs them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from make_environments import CommandLine, base_environment

if TYPE_CHECKING:
    import numpy as np

    Coded = dict[str, np.ndarray]
    """What came of coding a recording: `book_0`..., `side_NAME`..., `samples`."""

ROOT = Path(__file__).resolve().parents[1]
UPSTREAM = Path(__file__).with_name("upstream")
NAMES = sorted(path.stem for path in UPSTREAM.glob("*.py") if path.stem != "process")


@dataclass
class Codec:
    """A codec that is compared; the rest runs in the base environment, which has codec-bench.

    Attributes:
        name: Of the file in `upstream`.
        scratch: Folder for weights and results.
        sources: Whole source trees, by repository.
    """

    name: str
    scratch: Path
    sources: dict[str, str]

    def __post_init__(self) -> None:
        from codec_bench.adapters import CODECS
        from codec_bench.processes import support

        sys.modules["codec_bench_support"] = support  # under which name the files import it, here and there
        spec = importlib.util.spec_from_file_location(self.name, UPSTREAM / f"{self.name}.py")
        self.upstream: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.upstream)
        self.codec = CODECS.get(self.upstream.CODEC)(getattr(self.upstream, "MODE", None))
        self.environment = self.codec.environment

    def process(self, step: str, keep: Path) -> None:
        """Runs one step of the upstream file in the codec's environment."""
        job = {
            "module": str(UPSTREAM / f"{self.name}.py"),
            "support": str(ROOT / "codec_bench/processes/support.py"),
            "step": step,
            "sources": self.sources,
            "own": {s.repository: str(self.environment.source_folder(s)) for s in self.environment.sources},
            "folder": str(self.scratch / "weights"),
            "files": {name: str(self.scratch / "weights" / name) for name in self.weights},
            "recording": str(self.scratch / "recording.npy"),
            "result": str(self.scratch / "theirs.npz"),
            "beside": self.beside(keep),
            "mode": self.codec.spec.configuration or self.codec.mode,
        }
        (self.scratch / "job.json").write_text(json.dumps(job))
        command = [str(self.environment.interpreter), str(UPSTREAM / "process.py"), str(self.scratch / "job.json")]
        variables = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONNOUSERSITE": "1"}
        variables["PYTHONDONTWRITEBYTECODE"] = "1"
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"upstream's {step}: {done.stdout[-1000:]}{done.stderr[-3000:]}")

    @property
    def weights(self) -> list[str]:
        """Names of its files, as `--checkpoint` takes them from a folder."""
        from codec_bench.adapters.replaceable import names_of

        return list(names_of(self.codec.spec.weights).values())

    def beside(self, keep: Path) -> str:
        """A folder with packages that the authors' call imports and the adapter does not; empty for none."""
        wanted = getattr(self.upstream, "BESIDE", ())
        if not wanted:
            return ""
        folder = keep / "beside" / self.name
        if not folder.exists():
            pip = [str(self.environment.interpreter), "-m", "pip", "install", "--quiet", "--no-deps"]
            if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
                pip[0] = sys.executable
            subprocess.run([*pip, "--target", str(folder), *wanted], check=True)
        return str(folder)

    def recorded(self, recording: Path, seconds: float) -> None:
        """The first seconds of a recording, cut to whole frames, at the codec's rate."""
        import numpy as np

        from codec_bench.audio import read_audio, resample

        rate = self.codec.spec.input_rate
        frame = int(np.lcm.reduce([book.hop for book in self.codec.spec.codebooks] or [self.codec.spec.hop or 1]))
        frame = getattr(self.upstream, "MULTIPLE", frame)
        samples = resample(read_audio(recording), rate).samples
        count = int(getattr(self.upstream, "SECONDS", seconds) * rate) // frame * frame
        np.save(self.scratch / "recording.npy", samples[:count])

    def ours(self) -> Coded:
        """As in a run, in a process of the environment."""
        import numpy as np

        from codec_bench.audio import Audio

        samples = np.load(self.scratch / "recording.npy")
        self.codec.use_checkpoint(self.scratch / "weights")
        self.codec.load()
        code = self.codec.encode(Audio(samples, self.codec.spec.input_rate))
        books = {f"book_{i}": stream.codes for i, stream in enumerate(code.streams)}
        side = {f"side_{name}": array for name, array in code.side.items()}
        decoded = self.codec.decode(code).samples
        self.codec.close()
        return {**books, **side, "samples": decoded}

    def both(self, keep: Path) -> tuple[Coded, Coded]:
        """Ours and the authors' own, at the same time."""
        import numpy as np

        with ThreadPoolExecutor(1) as pool:
            theirs = pool.submit(self.process, "call", keep)
            ours = self.ours()
            theirs.result()
        with np.load(self.scratch / "theirs.npz") as file:
            return ours, dict(file)


def apart(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """The largest difference of two arrays as far as both go, and the largest value of the second one."""
    n = min(ours.size, theirs.size)
    left, right = ours.ravel()[:n].astype(float), theirs.ravel()[:n].astype(float)
    return float(abs(left - right).max(initial=0)), float(abs(right).max(initial=0))


def told(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Whether arrays of numbers are equal, or how far they are apart."""
    difference, peak = apart(ours, theirs)
    lengths = f"{theirs.size:,}" if ours.size == theirs.size else f"{ours.size:,} and {theirs.size:,}"
    if not difference:
        return f"{lengths}, equal"
    return f"{lengths}, largest difference {difference:.2g} of {peak:.2g}"


def differences(ours: Coded, theirs: Coded) -> tuple[list[str], bool]:
    """Cells about tokens, what is sent once, and samples; and whether all of them are the same but for rounding."""
    books = [name for name in theirs if name.startswith("book_")]
    side = [name for name in theirs if name.startswith("side_")]
    frames = sorted({(len(ours[name]), len(theirs[name])) for name in books})
    shared = [min(len(ours[name]), len(theirs[name])) for name in books]
    count = sum(shared)
    equal = sum(int((ours[name][:n] == theirs[name][:n]).sum()) for name, n in zip(books, shared, strict=True))
    kinds = [len(set(theirs[name].tolist())) for name in books]
    spread = dict.fromkeys((min(kinds, default=0), max(kinds, default=0)))
    lengths = ", ".join(f"{n}" if n == m else f"{n} and {m}" for n, m in frames)
    agreement = "equal" if equal == count else f"{equal} of {count} equal"
    tokens = f"{len(books)} x {lengths}, {' to '.join(map(str, spread))} kinds, {agreement}"
    numbers = [apart(ours[name], theirs[name]) for name in (*side, "samples")]
    is_same = equal == count and all(difference <= 1e-4 * peak for difference, peak in numbers)
    once = "; ".join(f"{name.removeprefix('side_')}: {told(ours[name], theirs[name])}" for name in side)
    return [tokens if books else "none", once or "nothing", told(ours["samples"], theirs["samples"])], is_same


def compare(name: str, given: argparse.Namespace, scratch: Path) -> tuple[list[str], bool]:
    """What `differences` says of one codec, whose environment is ready."""
    (scratch / "weights").mkdir()
    codec = Codec(name, scratch, {})
    for source in codec.environment.sources:
        archive = given.mirror / "sources" / f"{source.repository.replace('/', '-')}-{source.commit}.tar.gz"
        target = scratch / "sources" / source.repository.replace("/", "-")
        with tarfile.open(archive) as file:
            # Some have links to places of their authors' machines.
            file.extractall(target, [m for m in file if m.isreg() or m.isdir()], filter="data")
        codec.sources[source.repository] = str(next(target.iterdir()))
    codec.recorded(given.recording, given.seconds)
    codec.process("write", given.keep)
    return differences(*codec.both(given.keep))


def inside(given: argparse.Namespace) -> bool:
    """What runs in the base environment, with codec-bench; whether all are the same."""
    commands = CommandLine(Path(sys.executable), given.mirror, Path(os.environ["CODEC_BENCH_HOME"]))
    print("| environment | codec | state | tokens | sent once | samples |\n|---|---|---|---|---|---|", flush=True)
    all_same = True
    for name in given.names:
        with tempfile.TemporaryDirectory(prefix="codec-bench-") as scratch:
            codec = Codec(name, Path(scratch), {})
            environment = codec.environment.name
            made = commands.run("create", environment)
            state = commands.facts()[environment]["state"]
            try:
                if made.returncode:
                    raise RuntimeError(made.stderr.strip())
                cells, is_same = compare(name, given, Path(scratch))
            except Exception as error:  # noqa: BLE001 - the others are compared all the same
                cells, is_same = [f"{type(error).__name__}: {error}"], False
            label = "@".join(filter(None, (codec.codec.name, codec.codec.mode)))
            print(f"| {environment} | {label} | {state} | {' | '.join(cells)} |", flush=True)
            all_same = all_same and is_same
            if not given.leave:
                commands.run("remove", environment, "--yes")
    return all_same


def main() -> None:
    """Ends with status 1 if one of them differs, or cannot be compared."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mirror", type=Path)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    parser.add_argument("--recording", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--leave", action="store_true", help="leave the environments of codecs")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_intermixed_args()
    given.names = given.names or NAMES
    given.mirror, given.recording = given.mirror.resolve(), given.recording.resolve()
    if given.inside:
        sys.exit(0 if inside(given) else 1)
    with tempfile.TemporaryDirectory(prefix="codec-bench-") as scratch:
        keep = (given.keep or Path(scratch)).resolve()
        python = base_environment(keep / "base")
        variables = {**os.environ, "CODEC_BENCH_HOME": str(keep / "home"), "PYTHONPATH": ""}
        # Both sides add in the same order, and on a busy machine no thread waits for another.
        variables["OMP_NUM_THREADS"] = "1"
        options = ["--recording", given.recording, "--seconds", str(given.seconds), "--keep", keep, "--inside"]
        options += ["--leave"] * given.leave
        command = [python, __file__, given.mirror, *given.names, *options]
        sys.exit(subprocess.run(command, env=variables, check=False).returncode)


if __name__ == "__main__":
    main()
