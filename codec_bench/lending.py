"""Arrays that code of users may read and has to leave as they are, because others get the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.faults import without_torch_warning

WROTE = "wrote into its input: work on a copy"


class Held:
    """Arrays in the hands of others, with copies that tell whether they were written, and undo it."""

    def __init__(self, arrays: Iterable[NDArray[Any]] = ()) -> None:
        self._before: dict[int, tuple[NDArray[Any], bool, NDArray[Any]]] = {}
        for array in arrays:
            self.add(array)

    def add(self, array: NDArray[Any]) -> None:
        """Remembers what an array holds."""
        if id(array) not in self._before:
            self._before[id(array)] = (array, array.flags.writeable, array.copy())

    def lock(self, array: NDArray[Any]) -> None:
        """Forbids to write into an array, too."""
        self.add(array)
        array.flags.writeable = False

    def release(self) -> bool:
        """Makes all arrays what they were; says whether one of them was written, as by way of memory that it shares."""
        is_changed = False
        for array, is_writeable, copy in self._before.values():
            with suppress(ValueError):  # a view of what was never to be written
                array.flags.writeable = is_writeable
            if array.tobytes() != copy.tobytes():
                is_changed = True
                array.flags.writeable = True
                array[...] = copy
                array.flags.writeable = is_writeable
        return is_changed


@contextmanager
def unchanged(arrays: Iterable[NDArray[Any]], what: str, error: type[Exception]) -> Iterator[None]:
    """Sees to it that what runs in the block leaves arrays as they are; whatever it raises, they are as before again.

    Args:
        arrays: Some that are given to code of users.
        what: That code, for the message.
        error: What is raised where it wrote.
    """
    held = Held(arrays)
    try:
        with without_torch_warning():
            yield
    except BaseException:
        held.release()
        raise
    if held.release():
        raise error(f"{what} {WROTE}")


def read_only(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """A view that cannot be written to."""
    view = samples.view()
    view.flags.writeable = False
    return view
