"""What holds for all fast tests: flows are plain functions in this process, Git is cheap, properties have a budget."""

from __future__ import annotations

import os
import tempfile

from hypothesis import HealthCheck, settings

# `headway.steps` asks once, when it is first imported, whether its flows run here or in Prefect. Here they run in this
# process, as with `--local`; whoever tests Prefect's own takes them from headway.steps.orchestrated.
os.environ["HEADWAY_LOCAL"] = "1"
import headway.steps

del os.environ["HEADWAY_LOCAL"]
assert headway.steps.flow.__module__ == "headway.steps.local"

CHEAP_GIT = {
    "core.fsync": "none",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "init.templateDir": tempfile.mkdtemp(prefix="headway-no-templates-"),
    "receive.autogc": "false",
}
"""Repos of tests need not outlive a loss of power, are small, and have no sample hooks."""
for _number, (_name, _value) in enumerate(CHEAP_GIT.items()):
    os.environ |= {f"GIT_CONFIG_KEY_{_number}": _name, f"GIT_CONFIG_VALUE_{_number}": _value}
os.environ["GIT_CONFIG_COUNT"] = str(len(CHEAP_GIT))

settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile(
    "thorough", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")


def pytest_unconfigure() -> None:
    """Leave no folder behind."""
    os.rmdir(CHEAP_GIT["init.templateDir"])
