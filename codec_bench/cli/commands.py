"""Commands from models: each field that has an `Option` is an option, so that a command only says what it does.

A configuration file fills in what the command line leaves out.
"""

from __future__ import annotations

import inspect
import json
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.core import TyperCommand

from codec_bench.cli.options import Json
from codec_bench.options import Option, Options, Panel, flag_of, option_of, switched_off
from codec_bench.terminal import say

WIDTH = 30
"""Width of option names in the help, so that all panels align; longer names get their own line."""

M = TypeVar("M", bound=Options)

Config = Annotated[
    Path | None,
    typer.Option(
        help="YAML file with these options; the command line wins.", metavar="FILE", rich_help_panel=Panel.OUTPUT.value
    ),
]
SaveConfig = Annotated[
    Path | None,
    typer.Option(help="Also write these options to a YAML file.", metavar="FILE", rich_help_panel=Panel.OUTPUT.value),
]


DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Only say what is needed, what of it is here, and its size.",
        rich_help_panel=Panel.OUTPUT.value,
    ),
]  # fmt: skip


class PanelledCommand(TyperCommand):
    """A command whose `--help` has its options under headings."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the options of each heading, all in one width."""
        panels: dict[str, list[tuple[str, str]]] = {panel.value: [] for panel in Panel}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                heading = getattr(parameter, "rich_help_panel", None) or Panel.OUTPUT.value
                panels[heading].append(record)
        for heading, records in panels.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl([(name.ljust(WIDTH), text) for name, text in records])


def command(model: type[M], *, is_saved: bool = True) -> Callable[[Callable[[M, bool], None]], Callable[..., None]]:
    """Makes a command of a function that carries out a model; typer reads its options from the signature.

    The function takes the model, and whether JSON is to be printed.

    Args:
        model: Its options.
        is_saved: Whether there are `--config`, `--save-config` and `--json`.
    """

    def decorate(carry_out: Callable[[M, bool], None]) -> Callable[..., None]:
        def called(**values: Any) -> None:
            shared = ("config", "save_config", "as_json", "is_dry")
            file, target, as_json, is_dry = (values.pop(name, None) for name in shared)
            given = dict(_given(model, values))
            made = model(**given) if file is None else model.load(file, given)
            if target is not None:
                made.save(target)
            if is_dry:
                _tell_needs(made, bool(as_json))
                return
            if is_saved and (needs := _announcement(made)):
                sys.stderr.write(f"{needs}\n")
            carry_out(made, bool(as_json))

        called.__name__, called.__doc__ = carry_out.__name__, carry_out.__doc__
        called.__annotations__ = {}
        called.command_class = PanelledCommand  # type: ignore[attr-defined]
        called.example = _example(model)  # type: ignore[attr-defined]
        called.__signature__ = inspect.Signature([*_parameters(model, is_saved)])  # type: ignore[attr-defined]
        return called

    return decorate


def _example(model: type[Options]) -> str:
    """What follows the name of a command, so that it does something; empty where no field has an example."""
    words = []
    for name, field in model.ordered_fields().items():
        if (option := option_of(field)) is not None and option.example:
            words += [option.example] if option.is_argument else [flag_of(name, field), option.example]
    return " ".join(words)


def _tell_needs(config: Options, as_json: bool) -> None:
    """Prints what a command needs."""
    from codec_bench.preflight import described, needs_of_command, plain

    needs, notes = needs_of_command(config)
    say(json.dumps(plain(needs), indent=1, allow_nan=False) if as_json else described(needs, notes))


def _announcement(config: Options) -> str:
    """What has to be downloaded first."""
    from codec_bench.preflight import announcement

    return announcement(config)


def _parameters(model: type[Options], is_saved: bool) -> Iterator[inspect.Parameter]:
    """What typer makes options of; all are None if they are not given."""
    for name, field in model.ordered_fields().items():
        option = option_of(field)
        if option is None:
            continue
        flag = flag_of(name, field)
        kind, metavar = _kind(field.annotation)
        details: dict[str, Any] = {"help": _help(option, field), "rich_help_panel": option.panel.value}
        if kind is bool:
            yield _parameter(name, bool, typer.Option(f"{flag}/{switched_off(flag)}", **details))
            continue
        details["metavar"] = option.metavar or metavar
        yield _parameter(name, kind, typer.Argument(**details) if option.is_argument else typer.Option(flag, **details))
        if option.switch is not None:
            details = {"help": f"Whether {flag} applies.", "rich_help_panel": option.panel.value}
            switch = f"{option.switch}/{switched_off(option.switch)}"
            yield _parameter(_switch_name(name), bool, typer.Option(switch, **details))
    shared = (
        ("config", Config, None), ("save_config", SaveConfig, None), ("is_dry", DryRun, False), ("as_json", Json, False)
    )  # fmt: skip
    for name, annotation, default in shared if is_saved else ():
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _parameter(name: str, kind: Any, info: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, info]
    )


def _switch_name(name: str) -> str:
    return f"{name}_switch"


def _kind(annotation: Any) -> tuple[Any, str]:
    """How typer reads a field, and what stands for its value in the help; the model decides what is valid."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    origin = get_origin(annotation)
    if origin is Literal:
        return str, "|".join(get_args(annotation))
    if origin in (list, dict):
        return list[str], "NAME"
    return annotation, {int: "N", float: "NUMBER", Path: "PATH"}.get(annotation, "NAME")


def _help(option: Option, field: FieldInfo) -> str:
    """The help of an option, with its default."""
    default = field.default
    if default is None or default is PydanticUndefined or isinstance(default, bool) or default in ([], {}, ""):
        return option.help
    if isinstance(default, list):
        default = ",".join(f"{entry:g}" if isinstance(entry, float) else str(entry) for entry in default)
    elif isinstance(default, float):
        default = f"{default:g}"
    return f"{option.help} [default: {default}]"


def _given(model: type[Options], values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields that the command line has a value for."""
    for name, value in values.items():
        if name not in model.model_fields or value is None or value in ((), []):
            continue
        yield name, value
    for name in model.model_fields:
        switched = values.get(_switch_name(name))
        if switched is False or (switched and not values.get(name)):
            yield name, switched
