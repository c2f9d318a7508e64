"""What all pages are made of: one head, one stylesheet, scripts that a policy names by content, and no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from codec_bench.reports.html.embedding import embedded_json, embedded_script, source_hash
from codec_bench.version import __version__

PACKAGE = "codec_bench.reports.html"
"""Whose folder `assets` has what pages share: `base.html.j2`, which templates of pages extend, styles and scripts."""


@dataclass(frozen=True)
class Frame:
    """The same frame around several pages.

    Attributes:
        scripts: Names of scripts in the order in which a page runs them, as one program.
        package: Where templates and scripts lie that `PACKAGE` has not, in a folder `assets`.
        library: Source of a program that runs before.
    """

    scripts: tuple[str, ...]
    package: str = PACKAGE
    library: str = ""

    def page(self, template: str, content: Mapping[str, Any], data: Any, *, may_load: bool) -> bytes:
        """A page, whole.

        Args:
            template: Its template, which extends `base.html.j2`.
            content: What the template shows; text is escaped.
            data: What its scripts read, as plain data.
            may_load: Whether its scripts may load others, which lie beside it.
        """
        sources = [source_hash(script) for script in (self._library, self._program) if script]
        shared = {
            "version": __version__,
            "styles": self._styles,
            "library": self._library,
            "program": self._program,
            "script_sources": " ".join([*sources, *(["'strict-dynamic'"] if may_load else [])]),
            "data": embedded_json(data),
        }
        page: str = self._environment.get_template(template).render(**shared, **content)
        return page.encode()

    @cached_property
    def _environment(self) -> Any:
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

        packages = dict.fromkeys((self.package, PACKAGE))
        return Environment(
            loader=ChoiceLoader([PackageLoader(package, "assets") for package in packages]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def _asset(self, name: str) -> str:
        source: str = self._environment.loader.get_source(self._environment, name)[0]
        return source

    @cached_property
    def _styles(self) -> Any:
        from markupsafe import Markup

        return Markup(self._asset("report.css"))  # noqa: S704 - a file of this package

    @cached_property
    def _program(self) -> str:
        body = "\n".join(self._asset(f"{name}.js") for name in self.scripts)
        return embedded_script(f'(() => {{\n"use strict";\n{body}\n}})();\n')

    @cached_property
    def _library(self) -> str:
        return embedded_script(self.library) if self.library else ""
