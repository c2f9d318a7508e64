"""`codec-bench new`: a codec, a metric or a data set to begin with, and its test."""

from __future__ import annotations

import keyword
import re
import sys
from enum import Enum
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from codec_bench.terminal import say


class Kind(str, Enum):
    """What can be begun."""

    CODEC = "codec"
    METRIC = "metric"
    DATASET = "dataset"


class Made(str, Enum):
    """What a codec is written with."""

    TORCH = "torch"
    NUMPY = "numpy"


TEMPLATES = Path(__file__).parent.parent / "templates"

NEXT = {
    Kind.CODEC: (
        "codec-bench check $module:$Class",
        "codec-bench run --codec $module:$Class,opus@12000 --dataset demo --metrics pesq_wb,stoi --keep-audio"
        " --out runs/first",
    ),
    Kind.METRIC: ("codec-bench run --codec opus@6000 --dataset demo --sample 5 --metrics $module:$module",),
    Kind.DATASET: ("codec-bench run --codec opus@6000 --dataset $module:$Class --sample 5 --metrics stoi",),
}
"""What to type next."""


def new(
    kind: Annotated[Kind, typer.Argument(help="codec, metric or dataset")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called: letters, digits and hyphens.")],
    made: Annotated[Made, typer.Option("--with", help="What a codec is written with.")] = Made.TORCH,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder for it; by default this one.")] = Path(),
) -> None:
    """Write a codec, a metric or a data set that runs, to be made your own, and its test."""
    from codec_bench.errors import UsageError
    from codec_bench.files import write_atomically

    names = names_of(name)
    module = names["module"]
    files = {to / f"{module}.py": source(kind, names, made), to / f"test_{module}.py": test_of(kind, names)}
    for path in files:
        if path.exists():
            raise UsageError(f"{path} is there already: choose another name, or move it away")
    for path, text in files.items():
        write_atomically(path, text.encode())
        sys.stderr.write(f"written: {path}\n")
    where = "" if to == Path() else f"cd {to}\n"
    say(where + "\n".join(Template(line).substitute(names) for line in (*NEXT[kind], "pytest test_$module.py")))


def names_of(name: str) -> dict[str, str]:
    """What stands for what in a template: the name, its module and its class.

    Raises:
        UsageError: No module can be called so, or one that is installed is.

    >>> names_of("my-codec")
    {'name': 'my-codec', 'module': 'my_codec', 'Class': 'MyCodec', 'NetworkOf': 'MyCodecNetwork'}
    """
    from importlib.util import find_spec

    from codec_bench.errors import UsageError

    module = name.replace("-", "_").lower()
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) is None or keyword.iskeyword(module):
        raise UsageError(f"a name is letters, digits and hyphens, and begins with a letter: my-codec, not {name!r}")
    found = find_spec(module)
    if found is not None and Path(found.origin or "").resolve().parent != Path.cwd():
        raise UsageError(f"a module {module!r} is installed, and would hide yours: choose another name")
    cls = "".join(part[:1].upper() + part[1:] for part in re.split("[-_]", name))
    return {"name": name, "module": module, "Class": cls, "NetworkOf": f"{cls}Network"}


def source(kind: Kind, names: dict[str, str], made: Made = Made.TORCH) -> str:
    """The module itself."""
    return _filled(f"{kind.value}_{made.value}" if kind is Kind.CODEC else kind.value, names)


def test_of(kind: Kind, names: dict[str, str]) -> str:
    """Its test."""
    return _filled(f"{kind.value}_test", names)


def _filled(template: str, names: dict[str, str]) -> str:
    text = (TEMPLATES / f"{template}.py.txt").read_text(encoding="utf-8")
    return Template(text).substitute(names)
