"""Processes are started here as in people's runs."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _cold(cold_workers: None) -> None:
    """For all tests."""
