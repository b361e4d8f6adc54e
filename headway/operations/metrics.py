"""The DORA metrics of an application, read from its config repo and told as a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from headway.domain.config.reading import Config
from headway.domain.releases.metrics import Row, metrics
from headway.operations.connections import Connections

BEFORE = timedelta(days=30)
"""How much further back the ledger is read, for what began before the window and ended in it."""

COLUMNS = ("environment", "service", "live", "a day", "lead time", "90 %", "failed", "restored in")


def measured(
    connections: Connections,
    config: Config,
    environments: Sequence[str],
    services: Sequence[str],
    since: datetime,
    until: datetime,
) -> list[Row]:
    """Work the metrics out from the ledger at the branch's head."""
    paths = {name: config.place(name) for name in environments}
    entries = connections.repo.ledger(paths, since=since - BEFORE)
    return metrics(entries, since, until, environments, services)


def rows_for_people(rows: Sequence[Row]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the table's columns and cells, each number with how many it is made of."""
    return COLUMNS, [
        (
            it.environment,
            it.service or "(all)",
            str(it.deployments),
            f"{it.per_day:.2f}",
            f"{duration(it.lead_median)} (n={it.lead_n})" if it.lead_n else "–",
            duration(it.lead_p90),
            f"{it.failure_rate:.0%} ({it.failed} of {it.ended})" if it.failure_rate is not None else "–",
            f"{duration(it.restore_median)} (n={it.restore_n})" if it.restore_n else "–",
        )
        for it in rows
    ]


def metrics_report(rows: Sequence[Row], since: datetime, until: datetime) -> str:
    """Return the metrics as Markdown."""
    columns, cells = rows_for_people(rows)
    lines = [columns, ("---",) * len(columns), *cells]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"## How releases go, {since:%Y-%m-%d} to {until:%Y-%m-%d}\n\n{table}\n"


def duration(seconds: float | None) -> str:
    """Write seconds as people say them: 42s, 7m 30s, 3h 5m, 2d 4h."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    for size, name, below, part in ((86_400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size}{name}" + (f" {rest}{part}" if rest else "")
    return f"{seconds:.1f}s" if seconds < 10 else f"{whole}s"
