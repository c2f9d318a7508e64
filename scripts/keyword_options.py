"""Prints `codec_bench/keywords.py`: the options of commands as typed keywords, from the models that define them."""

from __future__ import annotations

import inspect
import textwrap
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from codec_bench.options import Options, keyword_fields, option_of
from codec_bench.probes.config import ProbeConfig
from codec_bench.reconstruction.config import RunConfig, ScoreConfig
from codec_bench.speed.config import SpeedConfig
from codec_bench.token_statistics.config import TokensConfig

FUNCTIONS: dict[type[Options], tuple[str, ...]] = {
    RunConfig: ("codec", "dataset"),
    ScoreConfig: ("reference", "decoded"),
    ProbeConfig: ("codec", "task"),
    TokensConfig: ("codec", "dataset"),
    SpeedConfig: ("codec",),
}
"""Models of functions, and what these take as arguments of their own."""

HEAD = '''"""Options as typed keywords, for editors and type checkers. Written by scripts/keyword_options.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from codec_bench.metrics import Metric
'''


def text_of(annotation: Any, field: FieldInfo, key: str) -> str:
    """What a caller may give, as a type in source."""
    if key == "metrics":
        return "str | Metric | Sequence[str | Metric]"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " | ".join(dict.fromkeys(text_of(part, field, "") for part in arguments))
    if origin is list:
        return f"str | Sequence[{text_of(arguments[0], field, '')}]"
    if origin is Literal:
        return f"Literal[{', '.join(repr(value).replace(chr(39), chr(34)) for value in arguments)}]"
    if get_origin(annotation) is not None and hasattr(annotation, "__metadata__"):
        return text_of(arguments[0], field, "")
    return {Path: "str | Path", type(None): "None"}.get(annotation) or str(annotation.__name__)


def class_of(model: type[Options], besides: tuple[str, ...]) -> str:
    """The keywords of a model; those that it shares are in a class of their own."""
    bases = [base for base in model.__bases__ if base not in (Options, BaseModel) and keyword_fields(base)]
    own = set(inspect.get_annotations(model))
    inherited = {key for base in bases for key in keyword_fields(base)}
    names = {key: name for name in model.model_fields for key in keyword_fields(model) if _is(model, key, name)}
    lines = [f"class {name_of(model)}({', '.join(map(name_of, bases)) or 'TypedDict'}, total=False):"]
    lines.append(f'    """Options of `{model.__name__}`."""')
    for key, field in keyword_fields(model).items():
        option = option_of(field)
        if key in inherited or key in besides or names[key] not in own or option is None:
            continue
        kind = text_of(field.annotation, field, key)
        lines.append("")
        lines.append(f"    {key}: {'bool | ' + kind if option.switch else kind}")
        wrapped = textwrap.wrap(option.help, 113)
        body = "\n    ".join(wrapped)
        lines.append(f'    """{body}"""' if len(wrapped) < 2 else f'    """{body}\n    """')
    return "\n".join(lines)


def _is(model: type[Options], key: str, name: str) -> bool:
    return keyword_fields(model)[key] is model.model_fields[name]


def name_of(model: type[Options]) -> str:
    """`RunKeywords` of `RunConfig`."""
    return f"{model.__name__.removesuffix('Config').removesuffix('Options')}Keywords"


def source() -> str:
    """The whole file."""
    parts: dict[type[Options], str] = {}
    for model, besides in FUNCTIONS.items():
        for base in reversed(model.__mro__):
            if issubclass(base, Options) and base is not Options and keyword_fields(base) and base not in parts:
                parts[base] = class_of(base, besides if base is model else ())
    return HEAD + "".join(f"\n\n{part}\n" for part in parts.values())


if __name__ == "__main__":
    print(source(), end="")
