"""The lab, as the tests on it have it."""

from __future__ import annotations

import os

from tests.lab.conftest import app, lab

# Here Git is as people have it; what makes it cheap is for tests without a lab.
os.environ.pop("GIT_CONFIG_GLOBAL", None)

__all__ = ["app", "lab"]
