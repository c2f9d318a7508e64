"""A comparison as JUnit XML, which CI systems show as tests: one per pair and limited metric."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from codec_bench.comparison import wording
from codec_bench.comparison.compare import Comparison, MetricComparison
from codec_bench.comparison.decision import Verdict

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(comparison: Comparison) -> bytes:
    """The document.

    A regression is a failure. A required metric that cannot be decided or compared is an error; where it is not
    required, the test is skipped. Where there is no limit at all, one test says so as an error.
    """
    limited = [r for r in comparison.results if r.limit is not None]
    suite = Element("testsuite", name="codec-bench compare")
    for result in limited:
        case = SubElement(
            suite, "testcase", classname=_text(result.pair.label), name=_text(result.column.label), time="0"
        )
        if tag := _tag(result):
            element = SubElement(case, tag, message=_text(wording.message(result)))
            if tag != "skipped":
                element.set("type", result.verdict.value)
            element.text = _text(_details(result))
        else:
            SubElement(case, "system-out").text = _text(wording.message(result))
    if not limited:
        case = SubElement(suite, "testcase", classname="comparison", name="limits", time="0")
        reason = "; ".join(comparison.obstacles)
        SubElement(case, "error", message=_text(reason), type=Verdict.INCOMPARABLE.value)
    failures, errors, skipped = (str(len(suite.findall(f"testcase/{t}"))) for t in ("failure", "error", "skipped"))
    totals = {"tests": str(len(suite)), "failures": failures, "errors": errors, "time": "0"}
    suite.attrib |= totals | {"skipped": skipped}
    root = Element("testsuites", {"name": "codec-bench", **totals})
    root.append(suite)
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _tag(result: MetricComparison) -> str:
    assert result.limit is not None
    if result.verdict is Verdict.REGRESSION:
        return "failure"
    if result.verdict in (Verdict.UNDECIDED, Verdict.INCOMPARABLE):
        return "error" if result.limit.required else "skipped"
    return ""


def _details(result: MetricComparison) -> str:
    lines = [f"{u.utterance}: {u.baseline:.4f} -> {u.candidate:.4f} {' '.join(u.audio)}".strip() for u in result.worst]
    return "\n".join(["most changed utterances:", *lines]) if lines else ""


def _text(text: str) -> str:
    return _FORBIDDEN.sub("?", text)
