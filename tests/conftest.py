"""Shared by all tests."""

import os
from pathlib import Path

import pytest

DATA = os.environ.get("PBITS_DATA")


@pytest.fixture
def public_data():
    """The folder of public instances (TSPLIB, G-set, …), or a skip that says what to set."""
    if not DATA or not Path(DATA).is_dir():
        pytest.skip("the public instances are not here; set PBITS_DATA to their folder")
    return Path(DATA)
