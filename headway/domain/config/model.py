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

from headway.domain.config.object_rules import HealthRule, ImageRule, KeepRule
from headway.domain.images.reference import ImageRef, InvalidImage
from headway.domain.rendering.place import ChartUse, RemoteChart
from headway.domain.rules.model import Part, Tags

_SPACE = re.compile(r"[\s\x00-\x1f\x7f]")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_OCI = re.compile(r"oci://([a-z0-9.-]+(?::[0-9]+)?)((?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+)/?")
_REPO = re.compile(r"(https://|http://(?=(localhost|127\.[0-9.]+|\[::1\])(?![^:/])))[^/@?#]+(/[^?#]*)?")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
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
    """Return whether a text is the address of something that answers HTTP."""
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


def _chart_ref(value: str) -> str:
    found = _OCI.fullmatch(value)
    if value and (found is None or not is_url(f"https://{found[1]}/")):
        raise ValueError(
            "a chart in a registry is expected, without tag and digest: oci://registry.example.com/charts/shop"
        )
    return value.rstrip("/")


def _chart_repo(value: str) -> str:
    if value and not (is_url(value) and _REPO.fullmatch(value)):
        raise ValueError(
            "the URL of a chart repository is expected, with TLS and without a login: https://charts.example.com"
        )
    return value.rstrip("/")


def _digest(value: str) -> str:
    if value and not _SHA256.fullmatch(value):
        raise ValueError("sha256: and 64 hexadecimal digits are expected")
    return value


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
    """Branch to build when no commit is given; its history orders tags."""
    context: Annotated[str, AfterValidator(_folder)] = "."
    """Build context: a folder of the source repo."""
    dockerfile: str = "Dockerfile"
    """Path of the Dockerfile, relative to the context."""


class Service(Part):
    """One image that is built and released by itself."""

    image: Annotated[str, AfterValidator(_image)]
    """Repository of the image, without tag and digest."""
    source: Source | None = None
    """Where it is built from. Only needed if headway builds the image or orders its tags by commit."""
    tags: Tags | None = None
    """Tag rule for this service in every environment."""
    owner: str = ""
    """Who to ask about it: a team or a person. The board shows it."""

    @property
    def ref(self) -> ImageRef:
        """The repository as a reference."""
        return ImageRef.parse(self.image)


class ServiceRule(Part):
    """Settings of one service that differ in one environment."""

    tags: Tags | None = None
    """Tag rule for this service in this environment."""
    release: Literal["automatic", "manual"] | None = None
    """Whether this service is released automatically in this environment."""


class ClusterTarget(Part):
    """Where an environment runs."""

    context: str = ""
    """Kubeconfig context. Default: the current context, or in a pod, its own cluster."""
    namespace: str = Field(pattern=NAME, max_length=63)
    """Namespace for objects that do not set one. It is created if it is missing."""


class Verify(Part):
    """Checks that must pass after a rollout before the release counts as live."""

    http: Annotated[str, AfterValidator(_url)] | None = None
    """URL that must answer with a 2xx status."""
    job: str | None = None
    """Path of the manifest of a Job that must complete."""
    promql: str | None = None
    """Prometheus query whose result must be neither empty nor zero."""
    timeout: Duration = timedelta(minutes=5)
    """How long all checks together may take."""


class Chart(Part):
    """How the environment's Helm chart is rendered, and which one it is. A chart of the config repo needs no network;
    one that is elsewhere is pinned by version and digest, and fetched once, from hosts that HEADWAY_CHART_HOSTS allows.
    """

    path: Annotated[str, AfterValidator(_folder)] = ""
    """Folder of the chart in the config repo. Default: the charts that are found in the environment's own folder."""
    ref: Annotated[str, AfterValidator(_chart_ref)] = ""
    """Chart in a registry, such as `oci://registry.example.com/charts/shop`."""
    repo: Annotated[str, AfterValidator(_chart_repo)] = ""
    """URL of a chart repository (with an index.yaml), such as `https://charts.example.com`."""
    name: str = Field(default="", pattern=r"^([a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?)?$", max_length=250)
    """Name of the chart in that repository."""
    version: str = Field(
        default="", pattern=r"^([0-9A-Za-z]([0-9A-Za-z.+_-]*[0-9A-Za-z])?)?$", max_length=100
    )
    """Exact version of a chart that is not in the config repo."""
    digest: Annotated[str, AfterValidator(_digest)] = ""
    """Its digest, `sha256:…`: in a registry that of the manifest, in a repository that of the archive. Without one the
    environment is not rendered, and the digest of now is named."""
    values: list[Annotated[str, AfterValidator(_folder)]] = []
    """Values files, from the root of the config repo. The later ones win, as with `helm --values`."""
    release: str = Field(default="", pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", max_length=53)
    """Name of the release, `.Release.Name` in templates. Default: the application's name."""
    kube_version: str = ""
    """Kubernetes version that templates see. Default: the one that Helm was built for."""
    api_versions: list[Annotated[str, Field(min_length=1)]] = []
    """API versions that templates see besides the built-in ones, such as `monitoring.coreos.com/v1`."""
    hooks: Literal["refuse", "skip"] = "refuse"
    """What to do with objects that are Helm hooks. `refuse`: the environment is not applied. `skip`: leave them out."""

    @property
    def use(self) -> ChartUse:
        """The same as the rendering takes it."""
        return ChartUse(
            path=self.path,
            release=self.release,
            values=tuple(self.values),
            kube_version=self.kube_version,
            api_versions=tuple(self.api_versions),
            hooks=self.hooks,
            remote=RemoteChart(self.ref, self.repo, self.name, self.version, self.digest)
            if self.ref or self.repo
            else None,
        )


class Environment(Part):
    """One place where the whole application runs."""

    path: Annotated[str, AfterValidator(_folder)]
    """Folder of the config repo with the environment's manifests: plain YAML, a kustomization, a Helm chart, or these
    side by side in sub-folders."""
    chart: Chart | None = None
    """How its Helm chart is rendered."""
    cluster: ClusterTarget
    """Where it runs."""
    release: Literal["automatic", "manual"] = "manual"
    """`manual`: people and CI start releases. `automatic`: headway releases what the tag rules pick."""
    tags: Tags | None = None
    """Tag rule for all services in this environment."""
    promote_from: str | None = None
    """Environment whose live images are promoted to this one."""
    only_by_promotion: bool = False
    """Refuse releases that do not come from `promote_from`, unless forced with a reason."""
    older_push: Literal["notify", "refuse"] = "notify"
    """What to do with a person's push that goes back to an older image or removes its digest. `notify`: apply it and
    notify people. `refuse`: do not apply it until somebody corrects it, or forces it with a reason."""
    approvals: int = Field(default=0, ge=0, le=10)
    """How many people, other than the requester, must approve a release."""
    approve_on: list[Literal["board", "slack"]] = []
    """Where approvals must be given. `board`: on headway's board, `slack`: by the buttons in Slack; both know who
    approves. Default: also in Prefect and by `headway approve`, which record the name that is given."""
    approval_timeout: Duration = timedelta(hours=24)
    """How long a release waits for its approvals before it is refused."""
    windows: list[str] = []
    """When releases are allowed, such as `mon-thu 09:00-17:00 Europe/London`. Can be forced with a reason."""
    freezes: list[str] = []
    """When releases are blocked: a window, or days such as `2026-12-20 - 2027-01-02 Europe/London`."""
    on_failure: Literal["rollback", "keep"] = "rollback"
    """`rollback`: roll failed releases back, in the repo too. `keep`: leave them for a person to look at."""
    timeout: Duration = timedelta(minutes=10)
    """How long a rollout may take before it counts as failed."""
    verify: Verify | None = None
    """Checks after each rollout."""
    soak: Duration | None = None
    """How long an image must be live here before automation promotes it to the next environment."""
    keep_from_cluster: list[KeepRule] = []
    """Fields that a chart renders to another value each time (`randAlphaNum`, `now`, `genCA`). They are applied when
    the object is made, and then left as the cluster has them. Without an entry such a chart is refused."""
    takeover: list[Annotated[str, Field(min_length=1)]] = []
    """Field managers (such as `helm` or `kubectl`) whose objects and fields headway takes over. Fields of theirs that
    are not in the repo are removed."""
    services: dict[str, ServiceRule] = {}
    """Settings of single services that differ in this environment."""


class Slack(Part):
    """A Slack channel for notifications. The token is a setting, never here."""

    channel: str = Field(min_length=1)
    """Channel, such as "#releases"."""
    buttons: bool = False
    """Give the messages buttons: approve, reject, show the plan, roll back. `headway serve` answers them, so it has to
    be set up for Slack."""


class Webhook(Part):
    """A URL for notifications as CloudEvents, signed with HEADWAY_WEBHOOK_SECRET."""

    url: str = Field(pattern=r"^https?://[^\s/@]+(/\S*)?$")
    """URL that receives a POST for each state of a release. It must not contain a login."""


class Route(Part):
    """Who is notified of which releases."""

    only: Literal["everything", "failures"] = "everything"
    """`failures`: only what failed, was rolled back, or needs a person."""
    environments: list[str] = []
    """Only releases to these environments. Default: all."""
    services: list[str] = []
    """Only releases of these services. Default: all."""
    quiet: list[str] = []
    """Quiet hours, such as `daily 20:00-08:00 Europe/Berlin`: notifications of automatic releases wait until they end.
    Failures and releases by people are notified at once."""
    slack: Slack | None = None
    """A Slack channel."""
    webhook: Webhook | None = None
    """A program that receives CloudEvents."""
    apprise: str | None = Field(default=None, pattern=NAME)
    """Name of an address in HEADWAY_APPRISE: mail, Teams, Discord and others."""


class Notify(Route):
    """Who is notified of everything, and who of parts."""

    routes: list[Route] = []
    """More recipients, for some environments or services."""
    commits: bool = False
    """Set commit statuses and deployments on GitHub or GitLab at the source commits; needs a token for that host."""


Verb = Literal[
    "read",
    "release",
    "promote",
    "approve",
    "rollback",
    "lock",
    "unlock",
    "automate",
    "force",
    "reconcile",
    "rebuild",
]


class Role(Part):
    """What some people, groups and tokens may do on the board, through the API and in Slack."""

    people: list[Annotated[str, Field(min_length=1)]] = []
    """E-mail addresses or logins, as the identity provider says them."""
    groups: list[Annotated[str, Field(min_length=1)]] = []
    """Groups, as the identity provider says them."""
    tokens: list[Annotated[str, Field(pattern=NAME)]] = []
    """Names of API tokens. What the tokens' own file forbids stays forbidden."""
    may: list[Verb] = Field(min_length=1)
    """What they may do. Everything includes `read`; `force` is needed besides, to override what blocks a release."""
    environments: list[str] = []
    """Environments where they may. Default: all."""
    services: list[str] = []
    """Services to which they may. Default: all."""


class Person(Part):
    """Where else a person is known."""

    slack: str = Field(pattern=r"^[UW][A-Z0-9]{2,30}$")
    """Their member ID in Slack, such as U012AB3CD: in their Slack profile, under "Copy member ID"."""


class Document(Part):
    """headway.yaml."""

    version: Literal[1]
    """Version of the file format: 1."""
    app: str = Field(pattern=NAME, max_length=63)
    """Name of the application."""
    services: dict[Annotated[str, Field(pattern=NAME, max_length=63)], Service] = Field(min_length=1)
    """The images that are released, by name."""
    environments: dict[Annotated[str, Field(pattern=NAME, max_length=63)], Environment] = Field(min_length=1)
    """The places where the application runs, in the order of promotion."""
    ignore: list[str] = []
    """Files in environments' folders that are not manifests, as patterns like those of .gitignore. A `.headwayignore`
    file works too."""
    images: list[ImageRule] = []
    """Fields that say images of services, besides those of containers and of kinds that headway knows."""
    notify: Notify | None = None
    """Who is notified of releases."""
    health: list[HealthRule] = []
    """When objects of other kinds are ready. The first rule for a kind counts."""
    roles: dict[Annotated[str, Field(pattern=NAME, max_length=63)], Role] | None = None
    """Who may do what. Default: everybody who is logged in may do everything, and a token what its file says."""
    people: dict[Annotated[str, Field(min_length=1)], Person] = {}
    """Who is who in Slack, by the name that they have in `roles` and in commits."""
