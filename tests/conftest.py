"""What holds for all fast tests: flows are plain functions in this process, Git is cheap, properties have a budget."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

# `headway.runtime.steps` asks once, when it is first imported, whether its flows run here or in Prefect. Here they
# run in this process, as with `--local`; whoever tests Prefect's own takes them from headway.runtime.orchestrated.
os.environ["HEADWAY_LOCAL"] = "1"
import headway.runtime.steps

del os.environ["HEADWAY_LOCAL"]
assert headway.runtime.steps.flow.__module__ == "headway.runtime.local"
from tests.rendering import rendering_tools  # noqa: E402
from tests.repos import client, registry, remote, repo, seeded  # noqa: E402

__all__ = ["client", "registry", "remote", "rendering_tools", "repo", "seeded"]

# What a shell starts in the background ignores Ctrl-C, and below nohup a hangup too. The commands that tests stop would
# inherit that; they do not inherit a function.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

OWN_FOLDER = Path(tempfile.mkdtemp(prefix="headway-tests-"))
(OWN_FOLDER / "gitconfig").write_text(
    f"""[core]
fsync = none
[gc]
auto = 0
[maintenance]
auto = false
[receive]
autogc = false
[init]
templateDir = {OWN_FOLDER / "no-templates"}
"""
)
# Repos of tests need not outlive a loss of power, stay small, and have no sample hooks; and no person's settings matter.
# By a file: `git push` keeps GIT_CONFIG_COUNT from the Git at the other end.
os.environ["GIT_CONFIG_GLOBAL"] = str(OWN_FOLDER / "gitconfig")

settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile(
    "thorough", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")


def pytest_unconfigure() -> None:
    """Leave no folder behind."""
    shutil.rmtree(OWN_FOLDER)
