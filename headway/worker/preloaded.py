"""What the warm worker's runs share: everything a flow run imports, and Prefect's engine as one function."""

from __future__ import annotations

import uuid
from typing import Any

import prefect.task_engine  # noqa: F401
from prefect.context import SettingsContext, get_settings_context
from prefect.engine import handle_engine_signals
from prefect.flow_engine import load_flow, load_flow_run, run_flow
from prefect.logging.loggers import flow_run_logger
from prefect.settings import Settings

import headway.systems.cluster.client
import headway.systems.git.config_repo
import headway.systems.registry.client
import headway.systems.registry.facts  # noqa: F401
from headway.flows import FLOWS, flow_named

for name in FLOWS:
    flow_named(name)


def run(flow_run_id: uuid.UUID) -> None:
    """Run a flow run to its end in this process, with the settings of this process's environment."""
    profile = get_settings_context().profile
    with SettingsContext(profile=profile, settings=Settings()), handle_engine_signals(flow_run_id):
        flow_run = load_flow_run(flow_run_id)
        logger: Any = flow_run_logger(flow_run)
        # As a state: a run that failed has said why, and a traceback of Prefect's own would bury it.
        run_flow(load_flow(flow_run), flow_run=flow_run, error_logger=logger, return_type="state")
