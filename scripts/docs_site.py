"""A hook of MkDocs: pages that are made of other files, so that nothing is written twice.

The README is the first page; CHANGELOG, CONTRIBUTING and SECURITY are pages; the reference has what `codec_bench`
offers, and what plug-ins are derived from.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
}
FURTHER = {
    "Comparing": ("comparison.compare.compare", "comparison.compare.MetricComparison",
                  "comparison.loading.load_measurements", "comparison.gate.load_gate"),
    "Codecs": ("adapters.settings.HasSettings", "adapters.requirements.HasRequirements",
               "adapters.fingerprints.HasFingerprint", "adapters.torch_codec.TorchCodec", "tokens.Codebook",
               "tokens.Tokens", "tokens.Bitstream"),
    "Metrics": ("metrics.base.Metric", "records.Score", "records.Ratio", "records.Status"),
    "Data sets": ("records.Utterance",),
}  # fmt: skip
"""What is not offered by `codec_bench` itself, but by its modules."""


def offered() -> dict[str, str]:
    """The public names of `codec_bench`, and the modules that they are in."""
    tree = ast.parse((ROOT / "codec_bench" / "__init__.py").read_text(encoding="utf-8"))
    set_here = [node for node in tree.body if isinstance(node, ast.Assign)]
    (homes,) = [node.value for node in set_here if ast.unparse(node.targets[0]) == "_HOMES"]
    found: dict[str, str] = ast.literal_eval(homes)
    return found


def reference() -> str:
    """The page of the Python interface, which mkdocstrings fills."""
    parts = ["# Python", "## codec_bench", *(f"::: {home}.{name}" for name, home in sorted(offered().items()))]
    for title, names in FURTHER.items():
        parts += [f"## {title}", *(f"::: codec_bench.{name}" for name in names)]
    return "\n\n".join(parts) + "\n"


def page_of(source: str) -> str:
    """A file of the root as a page: links into `docs/` are links to its neighbours."""
    text = (ROOT / source).read_text(encoding="utf-8")
    for page, file in PAGES.items():
        text = text.replace(f"]({file})", f"]({page})")
    return re.sub(r"\]\(docs/", "](", text)


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages; MkDocs calls it."""
    from mkdocs.structure.files import File

    made = {page: page_of(source) for page, source in PAGES.items()} | {"reference.md": reference()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files
