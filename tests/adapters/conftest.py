"""A codec that is a package of PyPI, with small weights, for a file of tests that names its class as `CODEC`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from codec_bench.adapters.packages import PackageCodec
from tests.adapters import small_packages


@pytest.fixture(scope="module")
def mirror(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mirror")
    small_packages.build(request.module.CODEC.name, root)
    return root


@pytest.fixture(scope="module")
def codec(request: pytest.FixtureRequest, mirror: Path) -> Iterator[PackageCodec]:
    """It loads without the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_MIRROR", str(mirror))
        patch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
        made = request.module.CODEC()
        made.load()
        yield made
        made.close()
