"""The warm process behind `headway serve`: events and a clock say "look now", and it looks.

What is true is read from the registry and the config repo each time, so an event that is
lost, doubled or invented costs a look and nothing else. A look never waits for the
rollout that another one began: Git and the environment's lock order them.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from headway.domain.config.model import Role
from headway.domain.config.reading import Config
from headway.domain.events import GitPushed, ImagePushed
from headway.domain.images.reference import ImageRef, InvalidImage
from headway.domain.text.addresses import same_repo
from headway.errors import HeadwayError
from headway.operations.connections import Connections
from headway.requests import ReconcileRequest, Request, WatchRequest

AT_ONCE = 64
"""Looks at once. One that releases goes on until its rollout has ended, so there must always be room for the next."""
ACTOR = "watch-registry"
Tell = Callable[[str], None]
Event = ImagePushed | GitPushed


class Asked:
    """What some events ask for: services to look for, and environments to reconcile."""

    __slots__ = ("moved", "reconcile", "services")

    def __init__(self, services: list[str], moved: list[ImageRef], reconcile: bool) -> None:
        self.services, self.moved, self.reconcile = services, moved, reconcile


def asked_for(config: Config, repo_url: str, events: Iterable[Event]) -> Asked:
    """Return what events ask for; those about other images and repos ask for nothing.

    A push to a source branch asks for nothing either: its image is yet to be built.
    """
    services: dict[str, None] = {}
    moved: list[ImageRef] = []
    reconcile = False
    for event in events:
        if isinstance(event, GitPushed):
            reconcile = reconcile or any(same_repo(url, repo_url) for url in event.urls)
            continue
        try:
            image = ImageRef.parse(event.repository)
        except InvalidImage:
            continue
        service = _owner(config, image)
        if service is not None:
            services[service] = None
            if event.tag:
                # A tag that cannot be one was never pushed.
                with contextlib.suppress(InvalidImage):
                    moved.append(ImageRef.parse(f"{config.services[service].ref.name}:{event.tag}"))
    return Asked(list(services), moved, reconcile)


def _owner(config: Config, image: ImageRef) -> str | None:
    """Return the service of an image; where the host is another one, of the one repository with this path.

    A registry often knows only the name that it has inside, or none, and one look too many does no harm.
    """
    found = config.owner(image)
    if found is None:
        path = image.repository.removeprefix("library/")
        same = [name for name, it in config.services.items() if it.ref.repository in (path, image.repository)]
        return same[0] if len(same) == 1 else None
    return found


def roles_now(connections: Connections) -> Mapping[str, Role] | None:
    """Return the roles of headway.yaml on the branch's newest commit; None where it has none."""
    connections.repo.look_again(2.0)
    return connections.config(connections.repo.head).document.roles


class Here:
    """Runs looks in this process, with connections that stay open."""

    def __init__(self, tell: Tell) -> None:
        self.connections = Connections()
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="look")
        self._tell = tell
        # Imported now, so that the first event does not wait for it.
        from headway.flows.reconcile import reconcile_images
        from headway.flows.watch_registry import watch_images

        self._watch, self._reconcile = watch_images, reconcile_images

    def warm_up(self) -> Config:
        """Open what a look needs; return the configuration."""
        config = self.connections.config(self.connections.repo.fetch())
        self.connections.repo.maintain()
        return config

    def take(self, events: Iterable[Event]) -> None:
        """Look at what some events are about."""
        config = self.connections.config(self.connections.repo.head)
        asked = asked_for(config, self.connections.settings.config_repo(), events)
        for image in asked.moved:
            self.connections.registry.forget(image)
        if asked.services:
            self._start(self._watch, WatchRequest(services=asked.services, actor=ACTOR))
        if asked.reconcile:
            self._start(self._reconcile, ReconcileRequest(actor="push event"))

    def look(self) -> None:
        """Look at everything."""
        self._start(self._watch, WatchRequest(actor=ACTOR))

    def reconcile(self) -> None:
        """Put drift right, finish what a dead run left, and keep the mirror small."""
        self._start(self._reconcile, ReconcileRequest(actor="schedule"))
        self.connections.repo.maintain()

    def _start(self, work: Callable[..., Any], request: Request) -> None:
        self._pool.submit(self._run, work, request)

    def _run(self, work: Callable[..., Any], request: Request) -> None:
        try:
            work(self.connections, request)
        except HeadwayError as error:
            self._tell(f"error: {error}")
        except Exception as error:  # noqa: BLE001 - one look that breaks must not end the others
            self._tell(f"error: {type(error).__name__}: {error}")

    def close(self) -> None:
        """Let what runs end, and close everything."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.connections.close()


class There:
    """Starts looks as Prefect runs."""

    def __init__(self, tell: Tell) -> None:
        from headway.systems.prefect.api import PrefectApi

        self._tell = tell
        self.connections = Connections()
        self._api = PrefectApi(self.connections.settings.prefect_url())
        self._started: dict[tuple[str, str], str] = {}

    def warm_up(self) -> Config:
        """See that the server and the config repo are there; return the configuration."""
        self._api.check()
        return self.connections.config(self.connections.repo.fetch())

    def take(self, events: Iterable[Event]) -> None:
        """Start runs for what some events are about."""
        config = self.connections.config(self.connections.repo.fetch())
        asked = asked_for(config, self.connections.settings.config_repo(), events)
        if asked.services:
            self._start("watch-registry", WatchRequest(services=asked.services, actor=ACTOR))
        if asked.reconcile:
            self._start("reconcile", ReconcileRequest(actor="push event"))

    def look(self) -> None:
        """Look at everything."""
        self._start("watch-registry", WatchRequest(actor=ACTOR))

    def reconcile(self) -> None:
        """Put drift right, and finish what a dead run left."""
        self._start("reconcile", ReconcileRequest(actor="schedule"))

    def _start(self, flow: str, request: Request) -> None:
        asked = (flow, request.model_dump_json(exclude_defaults=True))
        if self._will_look(self._started.get(asked, "")):
            return
        parameters = {"request": request.model_dump(mode="json", exclude_defaults=True)}
        prefix = self.connections.settings.deployments
        run = self._api.start(
            flow,
            prefix + flow,
            parameters,
            f"{flow}-{uuid.uuid4()}",
            ["serve"],
            self.connections.see_that_it_is_ours,
        )
        self._started[asked] = run
        self._tell(f"started {flow} as run {run}")

    def _will_look(self, run: str) -> bool:
        """Return whether a run has not begun yet: it will see what happened until now."""
        found = self._api.find(f"/flow_runs/{run}") if run else None
        return found is not None and found["state"]["type"] in ("SCHEDULED", "PENDING")

    def close(self) -> None:
        """Close everything."""
        self.connections.close()


class Clock:
    """Calls `work` every so many seconds, in a thread, until it is stopped; an error is told, and it goes on."""

    def __init__(self, every: float, work: Callable[[], None], tell: Tell) -> None:
        self._every, self._work, self._tell = every, work, tell
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="clock")

    def start(self) -> None:
        """Begin; the first call comes at once."""
        if self._every > 0:
            self._thread.start()

    def stop(self) -> None:
        """End after the call that runs."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._work()
            except HeadwayError as error:
                self._tell(f"error: {error}")
            except Exception as error:  # noqa: BLE001 - a clock that stops in silence would be noticed too late
                self._tell(f"error: {type(error).__name__}: {error}")
            self._stop.wait(self._every)
