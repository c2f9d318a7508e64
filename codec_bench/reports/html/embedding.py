"""Data and scripts inside an HTML page: nothing in them can end the element that holds them."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from typing import Any

from markupsafe import Markup

_ESCAPES = {c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def embedded_json(data: Any) -> Markup:
    r"""JSON that is safe inside a `script` element, whatever text it holds.

    Raises:
        ValueError: A number is not finite.

    >>> print(embedded_json({"text": "</script><!-- &"}))
    {"text":"\u003c/script\u003e\u003c!-- \u0026"}
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(re.sub("[<>&\u2028\u2029]", lambda m: _ESCAPES[m[0]], text))  # noqa: S704 - every markup sign is gone


def embedded_script(source: str) -> Markup:
    """A program of ours or of Plotly as the content of a `script` element."""
    source = source.replace("\r\n", "\n").replace("<!--", "<\\!--")
    return Markup(re.sub("</(?=script)", r"<\\/", source, flags=re.IGNORECASE))  # noqa: S704 - programs, not data


def source_hash(script: str) -> str:
    """What a Content-Security-Policy calls a script by its content."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


def data_uri(data: bytes, kind: str) -> str:
    """A file as an address that holds its content."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def compact(value: Any) -> float | int | None:
    """A number with six significant digits; None unless it is finite.

    >>> compact(1.80612345), compact(float("nan")), compact(12.0)
    (1.80612, None, 12)
    """
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() else short
