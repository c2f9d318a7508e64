"""Where weights and data sets come from: mirrors first, then the network. Nothing else looks for files or downloads.

Environment: `CODEC_BENCH_HOME` (what was fetched, and the caches), `CODEC_BENCH_MIRROR` (folders or web addresses that
are searched first, separated like PATH), `CODEC_BENCH_OFFLINE=1` (no network), `CODEC_BENCH_ACCEPT` (digests of files
that may take the place of what was downloaded first), `HF_ENDPOINT` and `HF_TOKEN` as Hugging Face's own tools read
them, and the usual proxy variables.
"""

from codec_bench.files import local_digest
from codec_bench.hub.carried import bring
from codec_bench.hub.download import Progress
from codec_bench.hub.fetching import ProgressBars, describe_size, fetch, fetch_all, locked, may_be_fetched, size_of
from codec_bench.hub.places import (
    RemoteFile,
    caches,
    find,
    forget,
    home,
    hugging_face,
    is_offline,
    is_on,
    is_published,
    locate,
    mirrors,
    missing,
    web_mirrors,
)
from codec_bench.hub.revisions import commits_of, renew

__all__ = [
    "Progress",
    "ProgressBars",
    "RemoteFile",
    "bring",
    "caches",
    "commits_of",
    "describe_size",
    "fetch",
    "fetch_all",
    "find",
    "forget",
    "home",
    "hugging_face",
    "is_offline",
    "is_on",
    "is_published",
    "local_digest",
    "locate",
    "locked",
    "may_be_fetched",
    "mirrors",
    "missing",
    "renew",
    "size_of",
    "web_mirrors",
]
