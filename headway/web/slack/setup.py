"""Put Slack's way in together for `headway serve`, where its secrets are set."""

from __future__ import annotations

from starlette.routing import Route

from headway.domain.config.model import Person
from headway.errors import UsageError
from headway.operations.audit import Audit
from headway.settings import Settings
from headway.systems.notify.slack_app import SlackApp, is_signed
from headway.systems.notify.slack_socket import SlackSocket
from headway.web.board.setup import BoardServer
from headway.web.slack.acting import Acting
from headway.web.slack.endpoint import Endpoint
from headway.web.slack.inbox import Inbox
from headway.web.slack.people import People


class SlackServer:
    """Slack's buttons and commands in one server process, over HTTP, Socket Mode, or both."""

    def __init__(self, settings: Settings, board: BoardServer) -> None:
        if not settings.slack_token.get_secret_value():
            raise UsageError(
                "HEADWAY_SLACK_SIGNING_SECRET or HEADWAY_SLACK_APP_TOKEN is set, and HEADWAY_SLACK_TOKEN is not",
                hint="set it to the app's bot token (xoxb-…): answers are given with it",
            )
        connections = board.board.connections
        slack = SlackApp(settings.slack_token.get_secret_value(), settings.slack_url)

        def people() -> dict[str, Person]:
            connections.repo.look_again(2.0)
            return connections.config(connections.repo.head).document.people

        known = People(slack, people, emails=settings.slack_emails)
        acting = Acting(board.board, board.starter, Audit(settings), slack, known)
        self._inbox = Inbox(acting, acting.odd)
        self.routes: list[Route] = []
        secret, token = (
            it.get_secret_value() for it in (settings.slack_signing_secret, settings.slack_app_token)
        )
        if secret:
            endpoint = Endpoint(self._inbox, lambda headers, body: is_signed(secret, headers, body))
            self.routes = endpoint.routes
        self.socket = SlackSocket(token, self._over_socket, settings.slack_url) if token else None

    def _over_socket(self, kind: str, data: object) -> dict[str, object] | None:
        """Take what came over the connection; what is not taken is not acknowledged, and Slack says that it failed."""
        taken = self._inbox.take(kind, data if isinstance(data, dict) else {})
        return None if taken.how == "full" and not taken.answer else taken.answer

    def start(self) -> None:
        """Begin to listen."""
        if self.socket is not None:
            self.socket.start()

    def close(self) -> None:
        """Listen no more, and finish what was taken."""
        if self.socket is not None:
            self.socket.close()
        self._inbox.close()
