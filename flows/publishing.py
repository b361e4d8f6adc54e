"""From a plan to the commit of a release, which is pushed once, whatever else is pushed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headway.domain.releases.ledger import ReleaseRecord, format_message
from headway.domain.releases.plans import Plan
from headway.domain.releases.rehearsal import Rehearsal
from headway.errors import FailedError
from headway.flows.rehearsing import UNCHANGED
from headway.operations.connections import Connections
from headway.operations.reports.plan import asked_by, plan_report
from headway.runtime.leaving import leaves
from headway.runtime.steps import log, report
from headway.systems.git.config_repo import Draft, Published
from headway.tasks.config_repo import publish as push_draft


def publish(
    connections: Connections,
    make: Callable[[str], Plan],
    describe: Callable[[Plan], ReleaseRecord],
    release_id: str,
    also: Callable[[str, Plan], Mapping[str, bytes]] = lambda head, plan: {},
    tried: Callable[[Plan], Rehearsal | None] = lambda plan: None,
) -> Published | None:
    """Commit what `make` plans on the newest head, and `also` these files; None where that changes nothing.

    `tried` gives what the cluster made of the plan, for the report.
    """

    told = set[str]()

    def draft(head: str) -> Draft | None:
        plan = make(head)
        if not plan:
            return None
        written, more = describe(plan), also(head, plan)
        if plan.fingerprint not in told:
            told.add(plan.fingerprint)
            asked = asked_by(written.actor, written.reason)
            text = plan_report(plan, connections.repo.read, asked, more, cluster=tried(plan))
            report(f"plan-{plan.environment}", text)
        return Draft(files={**plan.files, **more}, message=format_message(written), author=written.actor)

    # Told before this takes its turn at the config repo, so that the others do not wait for a Prefect server.
    name = make(connections.repo.head).environment
    draft(connections.repo.head)
    leaves(
        name,
        f"{name}: the release may be pushed and is not applied; `headway history {name}` says whether it is in the "
        f"config repo, and `headway reconcile {name}` finishes it",
    )
    try:
        published = push_draft(connections, draft, release_id)
    except FailedError as error:
        leaves(name, "")
        if UNCHANGED not in error.message:
            error.hint = "; ".join(filter(None, [error.hint, UNCHANGED]))
        raise
    except BaseException:
        leaves(name, "")
        raise
    leaves(name, "" if published is None else _not_applied(name, published.commit))
    if published is not None:
        already = " (it was there already)" if published.already else ""
        log(f"the release is commit {published.commit[:9]} of the config repo{already}")
    return published


def _not_applied(name: str, commit: str) -> str:
    return f"{name}: commit {commit[:9]} is pushed and not applied; `headway reconcile {name}` finishes it"
