"""What is known about a pair besides its scores, as the store keeps it: where, and whether it can be used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from codec_bench.coding.items import Item
from codec_bench.fingerprint import address


def facts_address(item: Item, reference: str, decoded: str) -> str:
    """Where the facts about a pair are kept.

    What a codec made of a recording belongs to that recording, so its own address will do, unless it is compared with
    an altered one. Audio that was made elsewhere is known by its bytes alone, and may be compared with any recording.
    """
    is_own = reference == item.identity and (reference == decoded or not decoded.startswith("file:"))
    return decoded if is_own else address(reference=reference, decoded=decoded)


def are_usable(kept: str, facts: Mapping[str, Any], *, is_coded: bool) -> bool:
    """Whether facts that a store has at an address hold what tables are made of, and tell of the pair of that address.

    Args:
        kept: The address.
        facts: What the store has.
        is_coded: Whether a codec of ours made the decoded signal, so that what it sent is known.
    """
    needed = [facts.get(side) for side in ("reference", "decoded")]
    numbers = [value for value in facts.values() if value is not None and not isinstance(value, Mapping)]
    numbers += [facts.get(name) for name in ("bits", "coded_seconds") if is_coded]
    if not (all(map(_is_signal, needed)) and all(map(_is_number, numbers))):
        return False
    # Stores that were filled earlier hold those of audio that was made elsewhere, whatever it was compared with, at the
    # address of a recording that is compared with itself.
    return not kept.startswith("file:") or facts["reference"] == facts["decoded"]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_signal(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    known = [number for number in value.values() if number is not None]
    return all(map(_is_number, [value.get("samples"), value.get("rate"), *known]))
