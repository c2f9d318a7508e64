"""Which commit of a repository on Hugging Face files come from: the first one that was seen, until it is renewed.

A branch moves, so that two files of one model, or the model on two days, might not belong together. Before the first
download from a branch the server is asked which commit that is; `home()/commits.json` maps `org/repo@branch` to it, and
all later downloads are of that commit.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from codec_bench.files import write_atomically
from codec_bench.hub import pins
from codec_bench.hub.download import TIMEOUT_SECONDS, headers
from codec_bench.hub.pace import Pace, TooSlowError, watched
from codec_bench.hub.places import RemoteFile, home, is_offline
from codec_bench.locks import locked

logger = logging.getLogger(__name__)

FILE = "commits.json"


def url_at_commit(remote: RemoteFile) -> str:
    """Where a file is published: on Hugging Face at a commit, as far as the server says which one its branch is.

    Raises:
        UsageError: The file of commits cannot be read or written.
    """
    if not _branch(remote):
        return remote.url
    commit = known_commit(remote) or _keep(remote, _asked(remote))
    return remote.url if commit is None else remote.at(commit).url


def known_commit(remote: RemoteFile) -> str | None:
    """The commit that files of a repository are downloaded at; None where none is known, or they are from elsewhere.

    Raises:
        UsageError: The file of commits cannot be read.
    """
    if not remote.path.startswith("hf/"):
        return None
    return pins.read(home() / FILE).get(_branch(remote)) if _branch(remote) else remote.revision


def commits_of(remotes: Sequence[RemoteFile]) -> dict[str, str]:
    """The commits of the repositories that files come from, by `org/repo`, as far as they are known."""
    found = {"/".join(remote.path.split("/")[1:3]): known_commit(remote) for remote in remotes}
    return {repository: commit for repository, commit in found.items() if commit}


def renew(remotes: Sequence[RemoteFile]) -> None:
    """Has files downloaded again whose branch has moved to another commit; copies in mirrors stay.

    Other downloads from that branch go, too: what is kept of a branch is of one commit.

    Raises:
        UsageError: The home cannot be written.
    """
    for branch, files in _by_branch(remotes).items():
        commit = None if is_offline() else _asked(files[0])
        if commit is None:
            logger.warning("%s cannot be asked for newer files: those that are here stay", branch)
        elif commit != known_commit(files[0]):
            repository, _, name = branch.rpartition("@")
            known = [pin for pin in pins.read(home() / pins.FILE) if pin.startswith(f"hf/{repository}/")]
            others = [(pin.removesuffix(f"@{name}"), pin) for pin in known if pin.endswith(f"@{name}")]
            for path, pin in {*others, *((remote.path, remote.pin) for remote in files)}:
                pins.forget(home(), pin)
                (home() / path).unlink(missing_ok=True)
            _keep(files[0], commit, replaces=True)  # at last: whatever is interrupted, no file is of another commit


def _by_branch(remotes: Sequence[RemoteFile]) -> dict[str, list[RemoteFile]]:
    found: dict[str, list[RemoteFile]] = {}
    for remote in remotes:
        if branch := _branch(remote):
            found.setdefault(branch, []).append(remote)
    return found


def _branch(remote: RemoteFile) -> str:
    """`org/repo@main`; empty for what is not on Hugging Face, or at a commit."""
    if not remote.path.startswith("hf/") or re.fullmatch("[0-9a-f]{40}", remote.revision):
        return ""
    return f"{'/'.join(remote.path.split('/')[1:3])}@{remote.revision}"


def _asked(remote: RemoteFile) -> str | None:
    """The commit that a branch is now; None where the server does not say."""
    import requests

    def ask() -> str:
        given = headers(remote.url)
        answer = requests.head(remote.url, headers=given, allow_redirects=False, timeout=TIMEOUT_SECONDS)
        return str(answer.headers.get("X-Repo-Commit", ""))

    try:
        commit = watched(ask, Pace().check)
    except (requests.RequestException, TooSlowError):
        return None  # the download says why
    return commit if re.fullmatch("[0-9a-f]{40}", commit) else None


def _keep(remote: RemoteFile, commit: str | None, *, replaces: bool = False) -> str | None:
    """Keeps a commit, unless another process was faster; returns the one that is kept."""
    if commit is None:
        return None
    path, branch = home() / FILE, _branch(remote)
    with locked(home() / f".{FILE}.lock", on_wait=lambda holder: None):
        known = pins.read(path)
        if replaces or branch not in known:
            known = {**known, branch: commit}
            write_atomically(path, pins.as_text(known))
    return known[branch]
