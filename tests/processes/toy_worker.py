# ruff: noqa: T201
"""A worker module whose behaviour a test chooses: by the mode when it is loaded, by the first sample when it encodes.

It sends 8-bit steps as one codebook, so that what comes back is the input to within 1/127.
"""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

HOP = 160


class Toy:
    def __init__(self, job):
        self.job = job
        self.calls = 0

    def encode(self, samples):
        self.calls += 1
        todo = round(float(samples[0]) * 100)
        if todo in MISDEEDS:
            made = MISDEEDS[todo](samples)
            if made is not None:
                return made
        steps = np.round(samples * 127).astype(np.int32) + 128
        return [steps], {}

    def decode(self, codes, side):
        if "shift" in side:
            return side["shift"]
        return ((codes[0] - 128) / 127).astype(np.float32)

    def answer(self, header, arrays):
        if header["op"] == "echo":
            return arrays
        if header["op"] == "draw":
            return {"drawn": np.random.rand(3), "calls": np.array(self.calls)}
        if header["op"] == "facts":
            print("facts were asked for")
            os.write(1, b"and C libraries print, too\n")
            text = "\n".join([sys.executable, *sys.path, *sorted(os.environ), *self.job.files, *self.job.sources])
            return {"text": np.frombuffer(text.encode(), np.uint8), "pid": np.array(os.getpid())}
        if header["op"] == "child":
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            return {"pid": np.array(pid)}
        raise ValueError(f"nobody\nknows \x1b[2J{header['op']}")


def _print_much(samples):
    for _ in range(10):
        os.write(1, b"x" * 1_000_000)
        os.write(2, b"y" * 1_000_000)
    print("the last line")


def _talk_and_die(samples):
    print(f"about to die of sample {samples[0]:.2f}")
    sys.stdout.flush()
    os._exit(3)


def _fork_and_die(samples):
    if os.fork() == 0:  # it has the pipes open as long as it lives
        time.sleep(60)
    os._exit(4)


def _kill(samples):
    os.kill(os.getpid(), signal.SIGKILL)


def _hang(samples):
    print("thinking")
    time.sleep(60)


def _raise(samples):
    raise RuntimeError("no such\nluck")


def _take_memory(samples):
    np.ones(1 << 33, np.uint8)


MISDEEDS = {
    10: _kill,
    20: _talk_and_die,
    30: _hang,
    40: _raise,
    50: _print_much,
    60: _take_memory,
    70: lambda samples: ([np.array([0, 256])], {}),
    71: lambda samples: ([np.zeros(3, np.float32)], {}),
    72: lambda samples: ([np.zeros((1, 3), np.int64)], {}),
    73: lambda samples: ([np.zeros(3, np.int64)] * 2, {}),
    74: lambda samples: ([np.array([-1, 0])], {}),
    75: lambda samples: ([np.array(["text"])], {}),
    76: lambda samples: ([np.zeros(len(samples), np.int64)], {"shift": np.zeros((2, 8), np.float32)}),
    80: _fork_and_die,
}


def load(job):
    if job.mode == "import":
        import a_package_that_nobody_has  # noqa: F401
    if job.mode == "die":
        print("dying while loading")
        sys.stdout.flush()
        os._exit(5)
    if job.mode and job.mode.startswith("killed-once:") and not Path(job.mode[12:]).exists():
        Path(job.mode[12:]).touch()
        _kill(None)
    if job.mode and job.mode.startswith("once:"):  # loads the first time only
        if Path(job.mode[5:]).exists():
            raise RuntimeError("loaded before")
        Path(job.mode[5:]).touch()
    import codec_bench_support as support

    assert support.__name__ == "codec_bench_support"
    return Toy(job)
