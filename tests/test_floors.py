"""The import contract refuses what it is there to refuse: violations are planted in a copy, and each is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import REPO

CYCLE = "domain.images.reference", "headway.domain.policy.gates"
PLANTED = {
    "the domain asks for the time": ("domain.releases.plans", "time"),
    "the domain opens a socket": ("domain.health.verdict", "socket"),
    "the domain starts a process": ("domain.policy.gates", "subprocess"),
    "the domain keeps a database": ("domain.images.facts", "sqlite3"),
    "the domain reads settings": ("domain.config.reading", "headway.settings"),
    "a system knows another system": ("systems.git.mirror", "headway.systems.cluster.client"),
    "the machine knows a system": ("systems.machine.lock", "headway.systems.git.mirror"),
    "a system uses an operation": ("systems.registry.client", "headway.operations.scan.scanning"),
    "a system reads settings": ("systems.notify.slack", "headway.settings"),
    "the runtime uses an operation": ("runtime.local", "headway.operations.connections"),
    "an operation calls a task": ("operations.status", "headway.tasks.deploy"),
    "an operation runs on Prefect": ("operations.status", "prefect"),
    "a task calls a flow": ("tasks.deploy", "headway.flows.release"),
    "a task talks to Slack": ("tasks.deploy", "slack_sdk"),
    "an operation speaks to Git by its client": ("operations.status", "git"),
    "the machine reads Git's objects": ("systems.machine.lock", "gitdb"),
    "a flow uses the command line": ("flows.release", "headway.cli.output"),
    "a flow uses a cluster's client": ("flows.release", "kubernetes"),
    "the web uses the command line": ("web.api", "headway.cli.running"),
    "the worker uses what sets it up": ("worker.prefect_worker", "headway.deployments.sync"),
    "Git's system speaks HTTP": ("systems.git.mirror", "httpx"),
}


def test_the_contract_is_kept() -> None:
    """Nothing is planted in what is here."""
    done = _lint(REPO)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the contract says of a copy in which every violation was planted."""
    copy = tmp_path_factory.mktemp("planted")
    # The links in it become folders, so that what is planted stays in the copy.
    shutil.copytree(REPO / "headway", copy / "headway", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPO / ".importlinter", copy)
    for module, imported in (*PLANTED.values(), CYCLE):
        with (copy / "headway" / f"{module.replace('.', '/')}.py").open("a") as file:
            file.write(f"\nimport {imported}\n")
    (copy / "headway" / "loose.py").write_text('"""Logic that stands on no floor."""\n')
    done = _lint(copy)
    assert done.returncode == 1, done.stdout
    return done.stdout


@pytest.mark.parametrize(("module", "imported"), PLANTED.values(), ids=PLANTED)
def test_a_planted_violation_is_refused(said: str, module: str, imported: str) -> None:
    """The import is named as one that is not allowed."""
    assert f"headway.{module} -> {imported} " in said


def test_subjects_that_need_each_other_are_refused(said: str) -> None:
    """Images know nothing of policy, which knows them."""
    assert "- .images -> .policy (1 import)" in said


def test_a_module_on_no_floor_is_refused(said: str) -> None:
    """A module that lies loose in the package is named."""
    assert "headway.loose" in said


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    env = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "500", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_what_only_reads_does_not_load_prefect() -> None:
    """Prefect takes a second to load, which nobody waits for who asks how things are."""
    reading = "status preview blocked holds lint doctor metrics release_record targets"
    code = (
        "import importlib, sys\n"
        f"for name in {reading.split()}: importlib.import_module(f'headway.operations.{{name}}')\n"
        "import headway.cli.main\n"
        "print('prefect' in sys.modules)"
    )
    env = {name: value for name, value in os.environ.items() if name != "HEADWAY_LOCAL"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_help_loads_no_decisions_and_a_look_no_requests() -> None:
    """What `--help` and `status` do not need costs them a part of the time that people wait for them."""
    code = (
        "import sys\n"
        "import headway.cli.main\n"
        "print(sorted(it for it in sys.modules if it.startswith(('headway.domain.releases', 'pydantic'))))\n"
        "import headway.operations.status\n"
        "print('headway.requests' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\nFalse\n"
