"""The command that stays: it listens for push events and looks every so often."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from headway.cli.options import Local
from headway.errors import UsageError

if TYPE_CHECKING:
    from starlette.routing import Route

    from headway.domain.config.model import Role
    from headway.settings import Settings
    from headway.web.board.setup import BoardServer
    from headway.web.login.doors import Door
    from headway.web.serving import Event, Here, Tell, There
    from headway.web.slack.setup import SlackServer


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 picks a free one.")] = 8642,
    every: Annotated[
        float,
        typer.Option("--every", help="Seconds between scans of the registries; 0: only on events."),
    ] = 60.0,
    reconcile_every: Annotated[
        float, typer.Option("--reconcile-every", help="Seconds between reconciles of everything; 0: none.")
    ] = 600.0,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Accept unsigned events. Only for a private network."),
    ] = False,
    local: Local = False,
) -> None:
    """Listen for push events and CI calls, and scan periodically.

    An event from a registry or a Git host only triggers a scan or a reconcile. With --local these run in this
    process, within a fraction of a second; without it, each is a Prefect run.

    Example: HEADWAY_HOOK_SECRET=… headway serve --local --port 8642
    """
    from headway.settings import Settings

    settings = Settings()
    secret = settings.hook_secret.get_secret_value()
    if not secret and not insecure:
        if not _loopback(host):
            raise UsageError(
                f"{host} can be reached from elsewhere, and nothing would say who sends an event",
                hint="set HEADWAY_HOOK_SECRET, or listen on 127.0.0.1",
            )
        insecure = True
    here = local or settings.local
    if here:
        os.environ["HEADWAY_LOCAL"] = "1"
    _serve(settings, host, port, every, reconcile_every, secret, insecure, here)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _serve(
    settings: Settings,
    host: str,
    port: int,
    every: float,
    reconcile_every: float,
    secret: str,
    insecure: bool,
    here: bool,
) -> None:
    import contextlib
    import signal

    import uvicorn

    from headway.cli.telling import Teller

    class _Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Leave signals to us: uvicorn's own way ends the process before what runs has ended."""
            yield

    from headway.web.app import make_app
    from headway.web.bursts import Bursts
    from headway.web.login.doors import door
    from headway.web.protocol import Guarded, connections_at_most
    from headway.web.serving import Clock, Here, There, roles_now

    teller = Teller()

    def tell(line: str) -> None:
        teller("log", "", line)

    looks = Here(tell) if here else There(tell)
    config = looks.warm_up()
    way_in = door(settings, host)
    board = _board(way_in, looks, tell)
    slack = _slack(settings, board)
    # Nobody told of a run that was cut off: `reconcile` does, and need not wait for its schedule.
    board.on_cut_off(looks.reconcile)

    def take(events: Iterable[Event]) -> None:
        looks.take(events)
        board.board.read_repo()

    bursts = Bursts(take)
    first, last = board.routes()
    routes = [
        *_api(settings, lambda: roles_now(looks.connections)),
        *way_in.routes,
        *(slack.routes if slack else ()),
        *first,
    ]
    app = make_app(
        bursts.add, secret, insecure=insecure, more=routes, last=last, middleware=way_in.middleware
    )
    Guarded.most = connections_at_most()
    serving = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, http=Guarded)
    server = _Server(serving)
    clocks = [Clock(every, looks.look, tell), Clock(reconcile_every, looks.reconcile, tell)]
    socket = server.config.bind_socket()
    # From here on nothing that is sent is lost: it waits for the server.
    socket.listen(1024)
    address = f"http://{host}:{socket.getsockname()[1]}"
    try:
        tell(
            f"listening on {address}/hooks/… for {config.app}: {len(config.services)} services, "
            f"{len(config.environments)} environments; the board is at {address}/"
        )
        for clock in clocks:
            clock.start()
        board.start()
        if slack is not None:
            slack.start()

        def end(*_: object) -> None:
            server.should_exit = True
            board.leave()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        server.run(sockets=[socket])
        tell("ending when what runs has ended; once more ends at once, and `headway reconcile` finishes it")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for clock in clocks:
            clock.stop()
        bursts.close()
        if slack is not None:
            slack.close()
        board.close()
        looks.close()
    sys.exit(0)


def _board(way_in: Door, looks: Here | There, tell: Tell) -> BoardServer:
    """Return the board. What it plans, it plans in this process, also where Prefect runs it."""
    from headway.web.serving import Here

    here, before = isinstance(looks, Here), os.environ.get("HEADWAY_LOCAL")
    os.environ["HEADWAY_LOCAL"] = "1"
    from headway.runtime import local as steps
    from headway.web.board.setup import BoardServer

    if before is None:
        del os.environ["HEADWAY_LOCAL"]
    board = BoardServer(looks.connections, who=way_in.who, login=way_in.login, here=here, tell=tell)

    def said(kind: str, key: str, text: str) -> None:
        if kind != "log":
            return
        if here:
            tell(text)
        board.heard(text)

    steps.listen(said)
    return board


def _slack(settings: Settings, board: BoardServer) -> SlackServer | None:
    """Return Slack's way in, where its secrets are set."""
    if not (settings.slack_signing_secret.get_secret_value() or settings.slack_app_token.get_secret_value()):
        return None
    from headway.web.slack.setup import SlackServer

    return SlackServer(settings, board)


def _api(settings: Settings, roles: Callable[[], Mapping[str, Role] | None]) -> list[Route]:
    """Return the endpoint for CI, where tokens are set; their file is read at each call."""
    if not settings.tokens:
        return []
    from pathlib import Path

    from headway.domain.policy.tokens import Token, read_tokens
    from headway.operations.audit import Audit
    from headway.web.api import Api

    file = Path(settings.tokens)

    def tokens() -> tuple[Token, ...]:
        try:
            return read_tokens(file.read_text(), str(file))
        except (OSError, UnicodeDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UsageError(f"{file} cannot be read: {said}", hint="HEADWAY_TOKENS names it") from None

    tokens()
    return Api(settings, tokens, roles, Audit(settings)).routes


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(serve)
