"""What goes out to people: nothing in a name or a reason moves the cursor, and what cannot be shown is replaced."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console

_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor
    r"|(?:\x1b[PX\]^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # strings: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]"  # other escapes
)
_CONTROLS = {
    code: None
    for code in (*range(32), *range(127, 160), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\t\n"
}
"""Control characters, and those that turn the direction of the text behind them."""


def shown(text: str) -> str:
    r"""A text without what a terminal would obey: escape sequences, control characters, changes of direction.

    >>> shown("\x1b[31mred\x1b[0m \x1b]0;title\x07bell\r\n")
    'red bell\n'
    """
    return _SEQUENCES.sub("", text).translate(_CONTROLS)


class Outlet:
    """A text stream that passes on what can be shown; what its encoding lacks is replaced.

    Args:
        stream: Where it goes.
        is_stripped: Whether texts go through `shown`; those of a console have done so, and hold its own escapes.
    """

    def __init__(self, stream: TextIO, *, is_stripped: bool = True) -> None:
        self.stream = stream
        self._is_stripped = is_stripped

    def write(self, text: str) -> int:
        """Writes a text."""
        made = shown(text) if self._is_stripped else text
        try:
            self.stream.write(made)
        except UnicodeEncodeError as error:
            self.stream.write(made.encode(error.encoding, "replace").decode(error.encoding))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Writes several."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def outlets() -> Iterator[None]:
    """Has everything that is written to standard output and standard error go through an `Outlet`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", Outlet(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def say(text: str, end: str = "\n") -> None:
    """Writes a line to standard output."""
    sys.stdout.write(f"{text}{end}")


def folded(text: str, indent: int) -> str:
    """A text on lines as long as the terminal is wide, all but the first one indented; elsewhere it stays one line."""
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return textwrap.fill(text, width, subsequent_indent=" " * indent, break_on_hyphens=False)


def console(*, stderr: bool = False) -> Console:
    """A console of `rich` on standard output or standard error, whose texts go through `shown`."""
    stream: Any = sys.stderr if stderr else sys.stdout
    inner = stream.stream if isinstance(stream, Outlet) else stream
    made: Console = _console_class()(file=Outlet(inner, is_stripped=False), stderr=stderr)
    return made


@lru_cache(maxsize=1)
def _console_class() -> Any:
    """Made here, since importing rich takes longer than most commands that need none."""
    from rich.console import Console

    class ShownConsole(Console):
        """Strips what it is given, not what it makes of it."""

        def render(self, renderable: Any, options: Any = None) -> Iterator[Any]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else segment._replace(text=shown(segment.text))

    return ShownConsole
