"""Who is trained on and who is tested: official splits and folds, or drawn ones that keep speakers apart.

Whatever the split, nothing that is the same recording, was cut from the same one, or is an altered copy of it may be on
both sides: a probe would only have to recognise it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from codec_bench.coding.items import Item
from codec_bench.errors import UsageError
from codec_bench.files import digest
from codec_bench.probes.config import SplitRule

ROLES = {
    "train": "train", "training": "train", "tr": "train",
    "dev": "dev", "devel": "dev", "development": "dev", "valid": "dev", "validation": "dev", "val": "dev",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
"""What the column `split` may say."""

DEV_SHARE = 0.2
"""Share of the training part that becomes the development part if there is none."""

TEST_SHARE = 0.2
"""Share of all utterances that a single drawn split gets."""

ORIGIN_LABELS = ("src_file", "source_clip", "source_id", "source", "original", "augmented_from", "copy_of")
"""Columns that name the recording that one was cut from, or is a copy of."""

_ESC_NAME = re.compile(r"[1-5]-(\d+)-[A-Z]\b.*")
_FOLD = re.compile(r"(?:fold[ _-]?)?(\d+)")


@dataclass(frozen=True)
class Fold:
    """One division of a data set; the parts are ids of utterances, sorted.

    Attributes:
        name: `fold 1`, or `split` where there is one only.
        train: What is learned from.
        dev: What decides the learning rate and when to stop.
        test: What is reported.
    """

    name: str
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Division:
    """How a data set is divided; `rule` says it in one line for people.

    In each fold, every utterance is in one part at most; over all folds, it is tested once at most.
    """

    folds: tuple[Fold, ...]
    rule: str
    warnings: tuple[str, ...] = ()


def divide(
    items: Sequence[Item],
    targets: Mapping[str, str],
    *,
    speaker_disjoint: bool,
    folds: int = 1,
    seed: int = 0,
    rule: SplitRule = "auto",
) -> Division:
    """Divides a data set for one task.

    Folds that the data set defines are used as they are: fold k is tested, the next one decides, the others train. Of a
    set with official train and test splits but no development split, 20 % of the training part decide. Otherwise parts
    are drawn from the seed: whole speakers, or for speaker identification utterances of each speaker.

    Args:
        items: Utterances that have a target.
        targets: What is predicted, by id; drawn parts are balanced in it where speakers may be shared.
        speaker_disjoint: Whether drawn parts keep speakers apart.
        folds: How many folds are drawn where the set defines no split.
        seed: Seed of everything drawn.
        rule: `auto`; `speakers` or `utterances` draw such parts even where the set defines others.

    Raises:
        UsageError: There are too few speakers or utterances, or one recording is on both sides.
    """
    if rule != "auto":
        speaker_disjoint = rule == "speakers"
    elif (official := official_folds(items, targets, speaker_disjoint, seed)) is not None:
        for fold in official.folds:
            check_leaks(fold, items)
        shared = _shared_speakers(official.folds, items) if speaker_disjoint else ""
        return replace(official, warnings=(shared,)) if shared else official
    apart = speaker_disjoint and all(item.utterance.speaker for item in items)
    groups = components(items, with_speakers=speaker_disjoint)
    drawn = drawn_folds(items, groups, targets, folds, seed, stratified=not apart)
    for fold in drawn:
        check_leaks(fold, items)
        if speaker_disjoint:
            check_speakers(fold, items)
    count = "a drawn split" if len(drawn) == 1 else f"{len(drawn)} drawn folds"
    warnings = ("the speakers are not all known: parts may share speakers",) if speaker_disjoint and not apart else ()
    return Division(tuple(drawn), f"{count} of {'whole speakers' if apart else 'utterances'}, seed {seed}", warnings)


def official_folds(
    items: Sequence[Item], targets: Mapping[str, str], speaker_disjoint: bool, seed: int
) -> Division | None:
    """The division that the data set defines, in the columns `fold` or `split`; None if it defines none for all."""
    names = {item.utterance.id: fold_name(item.utterance.labels) for item in items}
    if all(names.values()):
        order = sorted(set(names.values()), key=int)
        if len(order) < 3:
            raise UsageError(f"{len(order)} folds are too few: one is tested, one decides when to stop, one trains")
        members = {fold: tuple(sorted(i for i, n in names.items() if n == fold)) for fold in order}
        made = []
        for fold, deciding in zip(order, [*order[1:], order[0]], strict=True):
            train = tuple(sorted(i for i, n in names.items() if n not in (fold, deciding)))
            made.append(Fold(f"fold {fold}", train, members[deciding], members[fold]))
        return Division(tuple(made), f"the {len(order)} official folds; fold k + 1 decides")
    roles = {item.utterance.id: role(item.utterance.labels) for item in items}
    counts = Counter(roles.values())
    if counts[""] or not (counts["train"] and counts["test"]):
        return None
    parts = {role: tuple(sorted(i for i, r in roles.items() if r == role)) for role in ("train", "dev", "test")}
    if parts["dev"]:
        return Division((Fold("split", parts["train"], parts["dev"], parts["test"]),), "the official splits")
    speakers = {role: {i.utterance.speaker for i in items if roles[i.utterance.id] == role} for role in parts}
    apart = speaker_disjoint and not (speakers["train"] & speakers["test"]) and None not in speakers["train"]
    training = [item for item in items if roles[item.utterance.id] == "train"]
    groups = components(training, with_speakers=apart)
    dev = _drawn(groups, targets, DEV_SHARE, f"{seed}/dev", stratified=not apart)
    train = tuple(i for i in parts["train"] if i not in dev)
    if not train:
        raise UsageError("the official training split has one speaker only: nothing is left to decide on")
    what = "whole speakers" if apart else "utterances"
    rule = f"the official splits; {DEV_SHARE:.0%} of the training split ({what}, seed {seed}) decide"
    return Division((Fold("split", train, tuple(sorted(dev)), parts["test"]),), rule)


def fold_name(labels: Mapping[str, str]) -> str:
    """The number of an utterance's official fold, from `fold` (`3`) or `split` (`fold3`); empty if it has none."""
    for column in ("fold", "split"):
        if match := _FOLD.fullmatch((labels.get(column) or "").strip().lower()):
            return str(int(match[1]))
    return ""


def role(labels: Mapping[str, str]) -> str:
    """`train`, `dev` or `test`, from `split`; empty if it says none of these."""
    return ROLES.get((labels.get("split") or "").strip().lower(), "")


def official_part(labels: Mapping[str, str]) -> str:
    """The part of the official split that an utterance is in: its fold or its role; empty if there is none."""
    return fold_name(labels) or role(labels)


def drawn_folds(
    items: Sequence[Item],
    groups: Sequence[tuple[str, ...]],
    targets: Mapping[str, str],
    count: int,
    seed: int,
    *,
    stratified: bool,
) -> list[Fold]:
    """`count` folds, or a single split, of whole groups."""
    everyone = {item.utterance.id for item in items}
    if len(groups) < 3:
        raise UsageError(
            f"{len(groups)} independent speakers or recordings are too few to train, decide and test: --split "
            "utterances lets parts share speakers"
        )
    count = min(count, len(groups))
    tests = (
        [_drawn(groups, targets, TEST_SHARE, f"{seed}/test", stratified=stratified)]
        if count == 1
        else _dealt(groups, targets, count, f"{seed}/folds", stratified=stratified)
    )
    folds = []
    for k, test in enumerate(tests, start=1):
        rest = [group for group in groups if group[0] not in test]
        dev = _drawn(rest, targets, DEV_SHARE, f"{seed}/dev/{k}", stratified=stratified)
        train = everyone - test - dev
        if not (train and dev and test):
            raise UsageError(f"{len(everyone)} utterances are too few to train, decide and test")
        name = "split" if count == 1 else f"fold {k}"
        folds.append(Fold(name, tuple(sorted(train)), tuple(sorted(dev)), tuple(sorted(test))))
    return folds


def _drawn(
    groups: Sequence[tuple[str, ...]], targets: Mapping[str, str], share: float, seed: str, *, stratified: bool
) -> set[str]:
    """About `share` of all utterances, in whole groups; of each class by itself where `stratified`."""
    drawn: set[str] = set()
    for stratum in _strata(groups, targets, stratified):
        wanted = ceil(share * sum(len(group) for group in stratum) - 1e-9)
        taken = 0
        for group in _shuffled(stratum, seed)[: max(len(stratum) - 1, 0) or 1]:
            if taken >= wanted:
                break
            drawn.update(group)
            taken += len(group)
    return drawn


def _dealt(
    groups: Sequence[tuple[str, ...]], targets: Mapping[str, str], count: int, seed: str, *, stratified: bool
) -> list[set[str]]:
    """All utterances dealt out to `count` parts of about one size, in whole groups."""
    parts: list[set[str]] = [set() for _ in range(count)]
    for stratum in _strata(groups, targets, stratified):
        for group in _shuffled(stratum, seed):
            min(parts, key=len).update(group)
    return parts


def _strata(
    groups: Sequence[tuple[str, ...]], targets: Mapping[str, str], stratified: bool
) -> list[list[tuple[str, ...]]]:
    if not stratified:
        return [list(groups)]
    found: dict[str, list[tuple[str, ...]]] = {}
    for group in groups:
        found.setdefault(targets[group[0]], []).append(group)
    if all(len(stratum) == 1 for stratum in found.values()):  # transcripts, mostly: nothing to balance
        return [list(groups)]
    return [found[target] for target in sorted(found)]


def _shuffled(groups: Iterable[tuple[str, ...]], seed: str) -> list[tuple[str, ...]]:
    """In the order of a hash: the same everywhere, and hardly changed by an utterance more or less."""
    return sorted(groups, key=lambda group: digest(f"{seed}/{group[0]}".encode()))


def components(items: Sequence[Item], *, with_speakers: bool) -> list[tuple[str, ...]]:
    """Utterances that must stay together: of one recording, of one origin, and on request of one speaker.

    Returns:
        Ids, sorted inside each component, components by their first id.
    """
    parent = {item.utterance.id: item.utterance.id for item in items}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    owners: dict[str, str] = {}
    for item in items:
        keys = origins(item)
        if with_speakers and item.utterance.speaker:
            keys = [*keys, f"speaker {item.utterance.speaker}"]
        for key in keys:
            a, b = root(item.utterance.id), root(owners.setdefault(key, item.utterance.id))
            parent[max(a, b)] = min(a, b)
    found: dict[str, list[str]] = {}
    for name in sorted(parent):
        found.setdefault(root(name), []).append(name)
    return [tuple(found[first]) for first in sorted(found)]


def origins(item: Item) -> list[str]:
    """What must not be on both sides of a split: the file's content, and the recording that it was cut from."""
    u = item.utterance
    keys = [f"recording {item.digest}"] if item.digest else []
    if samples := u.labels.get("pcm_sha256"):
        keys.append(f"samples {samples}")
    keys.append(f"origin {u.id}")
    for name in ORIGIN_LABELS:
        if value := (u.labels.get(name) or "").strip():
            match = _ESC_NAME.fullmatch(value)
            keys.append(f"clip {match[1]}" if match else f"origin {value}")
    return keys


def check_leaks(fold: Fold, items: Sequence[Item]) -> None:
    """Raises `UsageError` where one recording, one origin or a copy is in two parts of a fold."""
    _check(fold, {item.utterance.id: origins(item) for item in items}, "a probe would only have to recognise it")


def check_speakers(fold: Fold, items: Sequence[Item]) -> None:
    """Raises `UsageError` where one speaker is in two parts of a fold."""
    speakers = {i.utterance.id: [f"speaker {i.utterance.speaker}"] for i in items if i.utterance.speaker}
    _check(fold, speakers, "the parts are to be speaker-disjoint")


def _check(fold: Fold, keys: Mapping[str, Sequence[str]], why: str) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for part in ("train", "dev", "test"):
        for name in getattr(fold, part):
            for key in keys.get(name, ()):
                where, first = seen.setdefault(key, (part, name))
                if where != part:
                    raise UsageError(
                        f"{fold.name}: {key[:80]} is in {where} ({first}) and in {part} ({name}): {why}; correct the "
                        "columns split or fold, or draw a split with --split speakers"
                    )


def _shared_speakers(folds: Sequence[Fold], items: Sequence[Item]) -> str:
    speakers = {item.utterance.id: item.utterance.speaker for item in items}
    shared, tested = 0, 0
    for fold in folds:
        test = {speakers[i] for i in fold.test if speakers[i]}
        shared += len(test & {speakers[i] for i in fold.train})
        tested += len(test)
    if not shared:
        return ""
    return f"the official split is not speaker-disjoint: {shared} of the {tested} speakers of the test part are trained on; --split speakers draws one that is"  # noqa: E501
