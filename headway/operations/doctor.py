"""Is each connection there, is each credential right, and what to do where not."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

from headway.domain.config.model import Verify
from headway.domain.config.reading import Config
from headway.domain.health.verification import unaskable
from headway.domain.objects.rights import described
from headway.domain.runs.claims import Claim
from headway.domain.runs.deployments import deployment_of
from headway.errors import ConfigError, FailedError, HeadwayError, UsageError, explained
from headway.operations.comparison import fights
from headway.operations.connections import Connections
from headway.operations.images_seen import ownerless, told
from headway.operations.snapshot import Snapshot
from headway.settings import Settings
from headway.systems.cluster.rights import lacking_for
from headway.systems.cluster.verify import ask_prometheus
from headway.systems.machine.state_folder import examined


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is right, and what to do if not."""

    what: str
    ok: bool
    found: str
    hint: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return what `--output json` prints."""
        return {"what": self.what, "ok": self.ok, "found": self.found, "hint": self.hint}


def examine(settings: Settings | None = None) -> list[Finding]:
    """Look at every outside system that headway.yaml and the settings name."""
    findings: list[Finding] = []
    with Connections(settings) as connections:
        snapshot: Snapshot | None = None
        _look(findings, "state folder", lambda: examined(connections.settings.state))
        head = _look(findings, "config repo", lambda: _repo(connections))
        if head:
            _look(findings, "push to the config repo", lambda: _push(connections))
            snapshot = _snapshot(findings, connections)
        if snapshot:
            _look(findings, "holds.yaml", partial(_holds, snapshot))
            _environments(findings, connections, snapshot)
        config = snapshot.config if snapshot else None
        contexts = sorted({it.cluster.context for it in config.environments.values()}) if config else [""]
        for context in contexts:
            what = f"cluster {context or '(current context)'}"
            _look(findings, what, partial(_cluster, connections, context))
        registries = sorted({it.ref.registry for it in config.services.values()}) if config else []
        for registry in registries:
            _look(findings, f"registry {registry}", partial(connections.registry.check, registry))
        if config is None or any(it.source for it in config.services.values()):
            _look(findings, "Docker engine", lambda: connections.engine.version())
        if _look(findings, "Prefect server", lambda: _prefect(connections.settings)) and config:
            _look(findings, "Prefect deployments", partial(_deployments, connections, config))
        notify = config.document.notify if config else None
        if notify is not None and any(it.slack for it in (notify, *notify.routes)):
            _look(findings, "Slack", partial(_slack, connections))
    return findings


def _look(findings: list[Finding], what: str, look: Callable[[], str]) -> str:
    try:
        found = look()
    except Exception as problem:  # noqa: BLE001 - whatever is wrong in one place, the others are looked at
        error = explained(problem)
        hint = error.hint
        if isinstance(error, ConfigError):
            hint = f"{hint or 'correct it and push'}; `headway lint` in a checkout says so before a push"
        findings.append(Finding(what, False, error.message, hint))
        return ""
    findings.append(Finding(what, True, found))
    return found


def _repo(connections: Connections) -> str:
    head = connections.repo.fetch()
    return f"{connections.repo.url}, branch {connections.settings.branch} at {head[:9]}"


def _push(connections: Connections) -> str:
    return connections.repo.try_push()


def _snapshot(findings: list[Finding], connections: Connections) -> Snapshot | None:
    found: list[Snapshot] = []

    def read() -> str:
        found.append(connections.at(connections.repo.head))
        config = found[0].config
        return f"{len(config.services)} services, {len(config.environments)} environments"

    _look(findings, "headway.yaml", read)
    return found[0] if found else None


def _holds(snapshot: Snapshot) -> str:
    found = snapshot.holds
    if unknown := snapshot.unknown_holds:
        raise ConfigError(unknown, hint="correct the name, or remove the line")
    locks = len(found.at(datetime.now(UTC)).locks)
    ended = len(found.locks) - locks
    said = f"{locks} locks" + (f" ({ended} more {'has' if ended == 1 else 'have'} ended)" if ended else "")
    return f"{said}, {len(found.vetoes)} vetoes, {len(found.overrides)} overrides"


def _environments(findings: list[Finding], connections: Connections, snapshot: Snapshot) -> None:
    for name, environment in snapshot.config.environments.items():
        _look(findings, f"manifests of {name}", partial(_manifests, snapshot, name))
        _ownerless(findings, snapshot, name)
        _autoscalers(findings, connections, snapshot, name)
        _look(findings, f"rights in {name}", partial(_rights, connections, snapshot, name))
        if environment.verify is not None:
            verification = partial(
                _verification, snapshot, environment.verify, connections.settings.prometheus
            )
            _look(findings, f"verification of {name}", verification)


def _manifests(snapshot: Snapshot, name: str) -> str:
    found = snapshot.environment(name)
    if found.problems:
        hint = "correct them, or name what is not meant for the cluster in .headwayignore: nothing is pruned meanwhile"
        raise ConfigError(found.problems, hint=hint)
    more = "".join(f"\nwarning: {doubt}" for doubt in found.doubts)
    tools = ", ".join(sorted({it.tools for it in found.units if it.tools}))
    rendered = f", {len(found.units)} of its folders rendered by {tools}" if tools else ""
    return f"{len(found.manifests)} objects in {found.environment.path}/{rendered}{more}"


def _ownerless(findings: list[Finding], snapshot: Snapshot, name: str) -> None:
    """Note the images that no service has: they are applied, and no release changes them."""
    with contextlib.suppress(HeadwayError):
        if found := ownerless(snapshot, name):
            findings.append(Finding(f"images of {name}", True, told(found)))


def _autoscalers(findings: list[Finding], connections: Connections, snapshot: Snapshot, name: str) -> None:
    """Note where the repo and an autoscaler set the same replicas; what cannot be read is found elsewhere."""
    with contextlib.suppress(HeadwayError):
        for said in fights(connections, snapshot.environment(name)):
            hint = "what is there stays when `replicas` leaves the manifest: no pod is stopped"
            findings.append(Finding(f"autoscalers of {name}", False, said, hint))


def _rights(connections: Connections, snapshot: Snapshot, name: str) -> str:
    """Ask, kind by kind, whether the account may do what a release of this environment needs."""
    found = snapshot.environment(name)
    cluster = connections.environment_cluster(found.environment)
    objects = [it.object for it in found.manifests]
    if missing := described(lacking_for(cluster, objects, found.namespace, name)):
        raise FailedError(
            "\n".join(f"the account of {cluster.where} {line}" for line in missing),
            hint="bind a role that has these rights to it, by a RoleBinding where a namespace is named, else by a "
            "ClusterRoleBinding",
        )
    kinds = len({(it["apiVersion"], it["kind"]) for it in objects})
    return f"everything that a release needs, for {kinds} kind{'' if kinds == 1 else 's'} of objects"


def _verification(snapshot: Snapshot, rule: Verify, url: str) -> str:
    job = snapshot.file(rule.job) if rule.job else None
    if missing := unaskable(rule, job, url):
        raise UsageError(missing.why, hint=missing.hint)
    return ask_prometheus(url) if rule.promql else "can be asked"


def _cluster(connections: Connections, context: str) -> str:
    return f"Kubernetes {connections.cluster(context).version()}"


def _prefect(settings: Settings) -> str:
    from headway.systems.prefect.api import PrefectApi

    with PrefectApi(settings.prefect_url()) as api:
        version = api.check()
        if not is_loopback(api.url) and not api.asks_for_a_login():
            raise FailedError(
                f"the Prefect server at {api.url} requires no login: anybody who can reach it can release",
                hint="set PREFECT_SERVER_API_AUTH_STRING on the server, and PREFECT_API_AUTH_STRING here",
            )
        return f"Prefect {version} at {api.url}"


def _deployments(connections: Connections, config: Config) -> str:
    """See that what commands would start is there, and this config repo's own."""
    from headway.systems.prefect.api import PrefectApi

    prefix = connections.settings.deployments
    flows = [(flow, name) for flow in ("release", "rollback") for name in config.environments]
    flows += [("reconcile", ""), ("watch-registry", "")]
    names = [f"{flow}/{deployment_of(flow, name, prefix)}" for flow, name in flows]
    with PrefectApi(connections.settings.prefect_url()) as api:
        found = {name: it for name in names if (it := api.find(f"/deployments/name/{name}"))}
    for name, it in found.items():
        connections.see_that_it_is_ours(name, it)
    if missing := [name for name in names if name not in found]:
        raise FailedError(
            f"missing: {', '.join(missing)}",
            hint="`python -m headway.deployments.sync` makes the deployments",
        )
    unmarked = [name for name, it in found.items() if not Claim.of(it).repo]
    if unmarked:
        raise FailedError(
            f"they do not say whose they are: {', '.join(unmarked)}",
            hint="`python -m headway.deployments.sync` with HEADWAY_REPO set marks them",
        )
    return f"{len(found)} of {config.app}, as {names[0]}"


def is_loopback(url: str) -> bool:
    """Return whether an address can be reached from this machine alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _slack(connections: Connections) -> str:
    return connections.dispatcher.slack().check()
