"""What is nobody else's business, and is left out of what a run keeps: secrets, the host name, the home folder.

Run directories are sent around and published. Labels, which other files repeat, hold none of this from the beginning.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

HIDDEN = "***"
"""Stands for a secret."""

LEFT_OUT = ("host name", f"secrets, as far as they look like ones ({HIDDEN})", "home folder (~)")
"""What `run.json` says of it."""

SHORTEST = 8
"""Characters from which on the value of a secret variable is looked for: a shorter one may be any word."""

_NAME = r"(?:token|secret|passwd|password|passphrase|credentials?|(?:api|access|private|secret|auth)[-_]?key|signature)"
_IS_SECRET = re.compile(rf"(?i)(?:^|[-_.]|(?<=[a-z])){_NAME}$")
_RULES = (
    (re.compile(r"(?<=://)[^/\s@?#]+@"), f"{HIDDEN}@"),  # user and password of an address
    (re.compile(rf"(?i)\b((?:[\w.-]*[-_.])?{_NAME}=)[^\s&;,\"']+"), rf"\g<1>{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer )[\w.~+/=-]{12,}"), rf"\g<1>{HIDDEN}"),
    # What tokens of Hugging Face, GitHub, GitLab, OpenAI, Slack and AWS look like, and JSON Web Tokens.
    (
        re.compile(
            r"\b(?:hf_\w{20,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|sk-[\w-]{20,}|xox[abpr]-[\w-]{10,}|"
            r"AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+)"
        ),
        HIDDEN,
    ),
)


def is_secret(name: str) -> bool:
    """Whether an option, a variable or a key is called as secrets are.

    >>> [is_secret(name) for name in ("HF_TOKEN", "--api-key", "dbPassword", "tokens_per_second", "key")]
    [True, True, True, False, False]
    """
    return _IS_SECRET.search(name) is not None


def discreet_text(text: str, *, keep_paths: bool = False) -> str:
    """A text without secrets, and with `~` for the home folder unless paths are kept.

    >>> discreet_text("https://me:pw@example.org/a.zip?token=1234&part=2")
    'https://***@example.org/a.zip?token=***&part=2'
    """
    return _discreet_text(text, _secret_values(), keep_paths)


def _discreet_text(text: str, secrets: Sequence[str], keep_paths: bool) -> str:
    for value in secrets:
        text = text.replace(value, HIDDEN)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    home = None if keep_paths else _home()
    return text if home is None else home.sub("~", text)


def discreet(value: Any, *, keep_paths: bool = False) -> Any:
    """Plain data without what its texts hold of the kind, in lists of words also behind an option like `--token`."""
    return _discreet(value, _secret_values(), keep_paths)


def _discreet(value: Any, secrets: Sequence[str], keep_paths: bool) -> Any:
    if isinstance(value, str):
        return _discreet_text(value, secrets, keep_paths)
    if isinstance(value, Mapping):
        return {
            _discreet_text(name, secrets, keep_paths): HIDDEN
            if isinstance(inner, str) and inner and is_secret(name)
            else _discreet(inner, secrets, keep_paths)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        before = [None, *value][: len(value)]
        return [
            HIDDEN
            if isinstance(word, str) and isinstance(option, str) and option.startswith("-") and is_secret(option)
            else _discreet(word, secrets, keep_paths)
            for option, word in zip(before, value, strict=True)
        ]
    return value


def discreet_info(info: Mapping[str, Any]) -> dict[str, Any]:
    """`run.json` as it is written and shown: it says what is left out of it."""
    keep_paths = bool(info.get("config", {}).get("keep_paths"))
    made: dict[str, Any] = discreet(info, keep_paths=keep_paths)
    if isinstance(provenance := made.get("provenance"), dict):
        provenance.pop("host", None)
        provenance["left_out"] = list(LEFT_OUT[: 2 if keep_paths else 3])
    return made


def _secret_values() -> list[str]:
    """The values of environment variables that are called as secrets are, the longest first."""
    found = {value for name, value in os.environ.items() if len(value) >= SHORTEST and is_secret(name)}
    return sorted(found, key=lambda value: (-len(value), value))


def _home() -> re.Pattern[str] | None:
    return _pattern_of(os.path.expanduser("~"))  # noqa: PTH111 - it fails nowhere


@lru_cache(maxsize=8)
def _pattern_of(home: str) -> re.Pattern[str] | None:
    """Where a text names the home folder or something in it."""
    names = {re.escape(name) for name in (home, str(Path(home).resolve())) if len(Path(name).parts) > 1}
    # Not within a longer path, but behind the two slashes of an address.
    return re.compile(rf"(?<![\w.~-])(?<![^/]/)(?:{'|'.join(sorted(names))})(?![\w.-])") if names else None
