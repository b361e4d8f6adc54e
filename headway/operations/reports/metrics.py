"""How releases go, on the page of the run that reconciles everything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from headway.domain.config.reading import Config
from headway.operations.connections import Connections
from headway.operations.metrics import measured, metrics_report
from headway.runtime.steps import report

REPORTED = timedelta(days=30)
"""What a run's page tells of."""


def report_metrics(connections: Connections, config: Config) -> None:
    """Put how releases go on the run's page: under one key, so that the page keeps what was before."""
    until = datetime.now(UTC)
    since = until - REPORTED
    rows = measured(connections, config, list(config.environments), list(config.services), since, until)
    report("metrics", metrics_report(rows, since, until))
