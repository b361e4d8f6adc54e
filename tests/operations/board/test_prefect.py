"""Which services a plan that waits is about, as its text says."""

from __future__ import annotations

from headway.domain.images.reference import Image
from headway.domain.releases.plans import Change, Plan
from headway.operations.board.prefect import services_in
from headway.operations.reports.plan import plan_report


def test_the_services_of_a_plan_s_report() -> None:
    """The table of a plan's own report names them; other words that look like a service do not count."""
    plan = Plan(
        "production",
        "c" * 40,
        tuple(Change(it, Image("r/x:1"), Image("r/x:2"), "users") for it in ("web", "api-2")),
    )
    text = plan_report(plan, lambda commit, path: b"")
    assert services_in(text, ["web", "api-2", "users", "service"]) == {"web", "api-2"}
