"""Charts from elsewhere: taken from where they are kept, or else fetched once, from hosts that a setting allows.

What is pinned by its digest is the same whoever gives it, so a rendering follows from the commit as it does for a
chart of the config repo. Without a digest nothing is rendered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from headway.domain.rendering.archive import unpacked, wrong_chart
from headway.domain.rendering.place import RemoteChart
from headway.domain.rendering.unit import Unit
from headway.domain.rendering.vendoring import helm_pull
from headway.errors import ConfigError, FailedError, HeadwayError, TransientError, UsageError
from headway.settings import Settings
from headway.systems.registry.charts import ChartSources, NoSuchChart
from headway.systems.render.charts import ChartStore

PATIENCE, OUTAGE = 10.0, 1.0
"""Seconds in which what failed is not asked for again, since many environments may have one chart; after an outage
only those that wait for the same answer go without."""


class Charts:
    """The charts from elsewhere that environments are rendered from; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._hosts = settings.allowed_chart_hosts()
        self._docker_config = settings.docker_config or None
        self._store = ChartStore(settings.state / "charts")
        self._lock = threading.Lock()
        self._turns: dict[RemoteChart, threading.Lock] = {}
        self._failed: dict[RemoteChart, tuple[float, Callable[[Unit], HeadwayError]]] = {}

    def kept(self, unit: Unit) -> dict[str, bytes] | None:
        """Return the files of a unit's chart where nothing has to be fetched for it; None where something has.

        Raises ConfigError for one that no tool should be given.
        """
        chart = _chart_of(unit)
        try:
            archive = self._store.archive(chart) if chart.digest else None
        except UsageError as error:
            raise _refused(error, unit) from None
        return _files(unit, archive) if archive is not None else None

    def files(self, unit: Unit) -> dict[str, bytes]:
        """Return the files of a unit's chart, fetched where it is not here.

        Raises ConfigError, at the place of the pin, where it is not pinned, not allowed, not there or no chart;
        TransientError where nobody answers.
        """
        chart = _chart_of(unit)
        with self._lock:
            turn = self._turns.setdefault(chart, threading.Lock())
        with turn:
            if (found := self.kept(unit)) is not None:
                return found
            until, error = self._failed.get(chart, (0.0, None))
            if error is not None and time.monotonic() < until:
                raise error(unit)
            try:
                contents = self._fetched(chart)
            except HeadwayError as problem:
                made = partial(_refused, problem)
                pause = OUTAGE if isinstance(problem, TransientError) else PATIENCE
                self._failed[chart] = time.monotonic() + pause, made
                raise made(unit) from None
            files = _files(unit, contents[-1])
            self._store.keep(*contents)
            return files

    def _fetched(self, chart: RemoteChart) -> tuple[bytes, ...]:
        if not chart.digest:
            raise UsageError("it is not pinned: digest is missing", hint=self._now(chart))
        if not self._allows(chart.host):
            raise UsageError(
                f"nothing may be fetched from {chart.host}",
                hint=f"add it to HEADWAY_CHART_HOSTS where headway runs, or put the chart into the config repo "
                f"(`{helm_pull(chart.name or chart.ref, chart.version, chart.repo)}`) and name its folder with `path`",
            )
        with ChartSources(self._docker_config, self._allows) as sources:
            try:
                return sources.fetch(chart)
            except NoSuchChart as error:
                hint = f"{chart.version} is this now: digest: {error.digest}" if error.digest else ""
                raise UsageError(f"{chart.digest}: {error.message}", hint=hint) from None

    def _now(self, chart: RemoteChart) -> str:
        """Return what a version is now, to be copied, or why that is not known here."""
        if not self._allows(chart.host):
            return f"HEADWAY_CHART_HOSTS does not name {chart.host}, so nobody was asked what it is"
        try:
            with ChartSources(self._docker_config, self._allows) as sources:
                return f"{chart.version} is this now: digest: {sources.digest_now(chart)}"
        except HeadwayError as error:
            return f"what {chart.version} is now is not known: {error.message}"

    def _allows(self, host: str) -> bool:
        return host in self._hosts


def _chart_of(unit: Unit) -> RemoteChart:
    assert unit.chart.remote is not None
    return unit.chart.remote


def _files(unit: Unit, archive: bytes) -> dict[str, bytes]:
    chart = _chart_of(unit)
    try:
        files = unpacked(archive)
    except UsageError as error:
        raise ConfigError([unit.problem(f"the chart {chart.address}: {error.message}")]) from None
    if said := wrong_chart(files, chart):
        raise ConfigError([unit.problem(f"the chart {chart.address}: {said}")])
    return {f"{chart.folder}/{path}": data for path, data in files.items()}


def _refused(problem: HeadwayError, unit: Unit) -> HeadwayError:
    """Return why a chart is not had: an outage as one, anything else as a problem of headway.yaml."""
    chart = _chart_of(unit)
    if isinstance(problem, TransientError):
        said = f"the chart {chart} cannot be fetched now, and is not on this machine: {problem.message}"
        return TransientError(said, hint=problem.hint)
    if isinstance(problem, (UsageError, FailedError)):
        hint = f"; {problem.hint}" if problem.hint else ""
        return ConfigError([unit.problem(f"the chart {chart.address}: {problem.message}{hint}")])
    return problem
