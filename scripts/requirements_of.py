"""Prints what an extra of pyproject.toml asks for, for environments without the package itself."""

from __future__ import annotations

import re
import sys
from pathlib import Path

text = Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8")
# Python 3.10 reads no TOML; an extra in one line is text enough.
(found,) = re.findall(rf"^{re.escape(sys.argv[1])} = \[(.*)\]$", text, re.MULTILINE)
print("\n".join(re.findall(r'"([^"]+)"', found)))
