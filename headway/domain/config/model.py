"""The model of headway.yaml: what each key is and what it may hold.

The docstring of a key is its description in the JSON Schema that editors show.
What only the keys together can say wrong is checked in `config`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from headway.domain.images.reference import ImageRef, InvalidImage
from headway.domain.objects.conditions import parse_question
from headway.domain.rules.model import Part, Tags

_SPACE = re.compile(r"[\s\x00-\x1f\x7f]")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
NAME = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found or not any(found.groups()):
        raise ValueError("a duration such as 90s, 10m or 1h30m is expected")
    hours, minutes, seconds = (int(it or 0) for it in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _image(value: str) -> str:
    try:
        reference = ImageRef.parse(value)
    except InvalidImage as error:
        raise ValueError(error.message) from None
    if reference.tag or reference.digest:
        raise ValueError(
            "a repository without tag and digest is expected: which one runs is in the manifests"
        )
    return value


def is_url(text: str) -> bool:
    """Say whether a text is the address of something that answers HTTP."""
    try:
        parts = urlsplit(text)
        # Reading the port is what finds one that is none.
        return (
            not _SPACE.search(text)
            and parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
        )
    except ValueError:
        return False


def _url(value: str) -> str:
    if not is_url(value):
        raise ValueError("a URL is expected, such as https://shop.example.com/healthz")
    return value


def _folder(value: str) -> str:
    parts = value.rstrip("/").split("/")
    if value.startswith(("/", "~")) or ".." in parts or "" in parts:
        raise ValueError("a folder inside the config repo is expected, such as staging")
    return "/".join(it for it in parts if it != ".") or "."


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=str),
    PlainSerializer(lambda it: f"{int(it.total_seconds())}s", return_type=str),
]


class Source(Part):
    """Where a service's image is built from."""

    repo: str = Field(min_length=1)
    """URL of the source repo; `../name.git` is relative to the config repo's URL."""
    branch: str = "main"
    """Branch that is built, and whose history orders tags."""
    context: Annotated[str, AfterValidator(_folder)] = "."
    """Folder of the source repo that is the build's context."""
    dockerfile: str = "Dockerfile"
    """Path of the Dockerfile below the context."""


class Service(Part):
    """One image that is built and released by itself."""

    image: Annotated[str, AfterValidator(_image)]
    """Repository of the image, without tag and digest."""
    source: Source | None = None
    """Where it is built from; only what headway builds or orders by commit needs it."""
    tags: Tags | None = None
    """Rule for this service in every environment."""

    @property
    def ref(self) -> ImageRef:
        """The repository as a reference."""
        return ImageRef.parse(self.image)


class ServiceRule(Part):
    """What is different for one service in one environment."""

    tags: Tags | None = None
    """Rule for this service here."""
    release: Literal["automatic", "manual"] | None = None
    """Whether it is released automatically here."""


class ClusterTarget(Part):
    """Where an environment runs."""

    context: str = ""
    """Context of the kubeconfig; empty means the current one, or in a pod its own cluster."""
    namespace: str = Field(pattern=NAME, max_length=63)
    """Namespace of the objects that name none. It is made when it is missing."""


class Verify(Part):
    """What must be true after a rollout for it to count as live."""

    http: Annotated[str, AfterValidator(_url)] | None = None
    """URL that must answer 2xx."""
    job: str | None = None
    """Path of a Job's manifest that must complete."""
    promql: str | None = None
    """Query whose result must not be empty or zero."""
    timeout: Duration = timedelta(minutes=5)
    """How long it may take."""


class Environment(Part):
    """One place where the whole application runs."""

    path: Annotated[str, AfterValidator(_folder)]
    """Folder of the config repo with the environment's manifests: plain YAML."""
    cluster: ClusterTarget
    """Where it runs."""
    release: Literal["automatic", "manual"] = "manual"
    """`manual`: a person presses the button. `automatic`: what the rule picks is released."""
    tags: Tags | None = None
    """Rule for all services here."""
    promote_from: str | None = None
    """Environment whose live images are promoted to this one."""
    only_by_promotion: bool = False
    """Refuse releases that do not come from `promote_from`. People go past with a reason."""
    older_push: Literal["notify", "refuse"] = "notify"
    """What a person's push does that takes an image back, or its digest away. `notify`: it is applied, and said.
    `refuse`: it is not applied until somebody forces it with a reason, or puts it right."""
    approvals: int = Field(default=0, ge=0, le=10)
    """How many people must approve a release."""
    approval_timeout: Duration = timedelta(hours=24)
    """How long a release waits for its approvals before it ends."""
    windows: list[str] = []
    """When releases may go out: `mon-thu 09:00-17:00 Europe/London`. People go past with a reason."""
    freezes: list[str] = []
    """When none may: as a window, or from a day to a day: `2026-12-20 - 2027-01-02 Europe/London`."""
    on_failure: Literal["rollback", "keep"] = "rollback"
    """`rollback`: what fails is taken back, in the repo too. `keep`: it is left for a person to look at."""
    timeout: Duration = timedelta(minutes=10)
    """How long a rollout may take before it has failed."""
    verify: Verify | None = None
    """What must be true after the rollout."""
    soak: Duration | None = None
    """How long an image must be live here before automation promotes it from here."""
    takeover: list[Annotated[str, Field(min_length=1)]] = []
    """Field managers (`helm`, `kubectl` …) whose objects and fields become headway's; what the repo lacks goes."""
    services: dict[str, ServiceRule] = {}
    """What is different for single services here."""


class Slack(Part):
    """Where releases are told in Slack. The token is never here."""

    channel: str = Field(min_length=1)
    """Channel, such as "#releases"."""


class Webhook(Part):
    """Where releases are told as CloudEvents, signed with HEADWAY_WEBHOOK_SECRET."""

    url: str = Field(pattern=r"^https?://[^\s/@]+(/\S*)?$")
    """URL that gets a POST for each state of a release. It holds no login."""


class Route(Part):
    """Who is told of which releases."""

    only: Literal["everything", "failures"] = "everything"
    """`failures`: only what failed or was rolled back."""
    environments: list[str] = []
    """Only releases to these; empty means all."""
    services: list[str] = []
    """Only releases of these; empty means all."""
    quiet: list[str] = []
    """When automation's releases are not told until it is over, but for failures: `daily 20:00-08:00 Europe/Berlin`."""
    slack: Slack | None = None
    """A Slack channel."""
    webhook: Webhook | None = None
    """A program that takes CloudEvents."""
    apprise: str | None = Field(default=None, pattern=NAME)
    """Name of an address in HEADWAY_APPRISE: mail, Teams, Discord and others."""


class Notify(Route):
    """Who is told, of everything and of parts."""

    routes: list[Route] = []
    """Who is told besides, of some environments or services."""
    commits: bool = False
    """Tell GitHub or GitLab, as commit statuses and deployments of the source commits, where a token is set."""


def _question(value: str) -> str:
    parse_question(value)
    return value


Questions = list[Annotated[str, AfterValidator(_question)]]


class HealthRule(Part):
    """When an object of one kind is ready; it goes before what headway knows of the kind."""

    kind: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9]*(\.[a-z0-9.-]+)?$")
    """Kind, with its API group after a dot where that is needed: `Tenant.minio.min.io`."""
    ready: Questions = []
    """What must all be true, in the words of `kubectl wait --for`, such as `condition=Ready`. Empty: always."""
    failed: Questions = []
    """What says that it has failed, in the same words; one is enough."""
    held: Questions = []
    """What says that it is held back, such as a pause: applied, not running. One is enough."""


class Document(Part):
    """The whole of headway.yaml."""

    version: Literal[1]
    """Version of this file's format: 1."""
    app: str = Field(pattern=NAME, max_length=63)
    """Name of the application."""
    services: dict[Annotated[str, Field(pattern=NAME, max_length=63)], Service] = Field(min_length=1)
    """The images that are released, by name."""
    environments: dict[Annotated[str, Field(pattern=NAME, max_length=63)], Environment] = Field(min_length=1)
    """The places where the application runs, in the order of promotion."""
    ignore: list[str] = []
    """Files in environments' folders that are no manifests, in the words of .gitignore; `.headwayignore` says more."""
    notify: Notify | None = None
    """Who is told of releases."""
    health: list[HealthRule] = []
    """When objects are ready whose kind headway does not know, or knows otherwise; the first rule for a kind counts."""
