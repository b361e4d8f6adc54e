"""The lab, as the tests on it have it."""

from __future__ import annotations

from tests.lab.conftest import app, lab

__all__ = ["app", "lab"]
