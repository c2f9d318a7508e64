"""Makes the torchaudio of PyPI importable beside a torch without CUDA, by removing its libraries.

torchaudio 2.11 loads libraries that are linked with CUDA's, and does not import where torch has none; transformers then
fails with it. Without them it imports as the Python code that the codecs' packages ask for. Nothing is removed where
torch has CUDA, or from a torchaudio that is not linked with it; a second call finds nothing to do. It is a program, run
by the interpreter whose torchaudio it is.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

CUDA_LIBRARY = b"libc10_cuda.so"


def main() -> None:
    """Removes the libraries of the torchaudio that this interpreter finds, and says which."""
    import torch

    spec = find_spec("torchaudio")
    if torch.version.cuda is not None or spec is None:
        return
    for folder in spec.submodule_search_locations or ():
        for library in sorted(Path(folder, "lib").glob("*.so")):
            if CUDA_LIBRARY in library.read_bytes():
                library.unlink()
                sys.stdout.write(f"removed {library}: it needs CUDA, and this torch has none\n")


if __name__ == "__main__":
    main()
