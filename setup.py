"""What pyproject.toml cannot say: the README of the package, whose links work where there is no checkout around it."""

from __future__ import annotations

import re
from pathlib import Path

BASE = "https://github.com/codec-bench/codec-bench"


def absolute(text: str) -> str:
    """Markdown with links to the repository: pictures as files, everything else as pages.

    Those of a release belong to its tag; the version is read, not imported, since nothing is installed yet.
    """
    version = re.search(r'__version__ = "(.+)"', Path("codec_bench/version.py").read_text(encoding="utf-8"))
    assert version is not None
    tag = f"v{version[1]}"
    raw = f"{BASE.replace('github.com', 'raw.githubusercontent.com')}/{tag}"
    text = re.sub(r"!\[([^\]]*)\]\((?!\w+:|#)([^)]+)\)", rf"![\1]({raw}/\2)", text)
    return re.sub(r"(?<!!)\[([^\]]*)\]\((?!\w+:|#)([^)]+)\)", rf"[\1]({BASE}/blob/{tag}/\2)", text)


if __name__ == "__main__":
    from setuptools import setup  # not above: a test reads this file where distutils may be imported already

    setup(
        long_description=absolute(Path("README.md").read_text(encoding="utf-8")),
        long_description_content_type="text/markdown",
    )
