"""Environments declare what their workers import: it comes from there, or from what codec-bench cannot lack."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from codec_bench.environments import Environment
from codec_bench.needed_environments import needed_environments

MODULES = {"nemo-toolkit": {"nemo", "numpy"}, "pyyaml": {"yaml"}}
"""Modules of packages that are not installed here, where these have other names; and NumPy, which NeMo asks for."""

WORKERS = [
    pytest.param(used.environment, worker, id=f"{name}-{worker.parent.name}")
    for name, used in sorted(needed_environments().items())
    for worker in dict.fromkeys(file for file, _ in used.workers)
]


@cache
def base_packages() -> frozenset[str]:
    """What is installed with codec-bench and none of its extras."""
    found: set[str] = set()
    waiting = ["codec-bench"]
    while waiting:
        name = waiting.pop()
        try:
            declared = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue
        wanted = {
            canonicalize_name(one.name) for one in declared if not one.marker or one.marker.evaluate({"extra": ""})
        }
        waiting += wanted - found
        found |= wanted
    return frozenset(found)


def modules_of(packages: frozenset[str]) -> set[str]:
    """What can be imported of packages."""
    names = {module for module, of in packages_distributions().items() if packages & {*map(canonicalize_name, of)}}
    for package in packages:
        names |= MODULES.get(package, {package.replace("-", "_")})
    return names


def needed_modules(worker: Path) -> Iterator[str]:
    """Top-level modules that a worker imports, but for those that it does without or puts stand-ins in the place of."""
    tree = ast.parse(worker.read_text(encoding="utf-8"))
    optional = {id(node) for one in ast.walk(tree) if isinstance(one, ast.Try) for node in ast.walk(one)}
    stubbed = {
        argument.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "stub"
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name.partition(".")[0] for name in names if id(node) not in optional and name not in stubbed)


def known_modules(environment: Environment) -> set[str]:
    """What a worker finds: of its sources, of its packages, and with `inherits` of ours."""
    declared = (*environment.requirements, *environment.without_dependencies, *environment.borrowed)
    packages = {canonicalize_name(Requirement(text).name) for text in declared}
    ours = base_packages() if environment.inherits else frozenset()
    paths = [PurePosixPath(path) for source in environment.sources for path in source.paths]
    parts = {part.removesuffix(".py") for path in paths for part in path.parts}
    return modules_of(frozenset(packages) | ours) | parts | {"codec_bench_support"} | sys.stdlib_module_names


def test_what_we_cannot_lack_is_known():
    assert {"torch", "librosa", "matplotlib", "numpy"} <= base_packages()
    assert not {"transformers", "torchaudio", "safetensors", "huggingface-hub", "tqdm"} & base_packages()


@pytest.mark.parametrize(("environment", "worker"), WORKERS)
def test_environments_declare_what_their_workers_import(environment: Environment, worker: Path):
    assert set(needed_modules(worker)) - known_modules(environment) == set()


@pytest.mark.parametrize(
    "environment", [used.environment for used in needed_environments().values()], ids=lambda made: made.name
)
def test_the_files_of_every_source_are_known(environment: Environment):
    assert [source.repository for source in environment.sources if source.tree is None] == []
