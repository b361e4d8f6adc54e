"""Which Prefect deployment a request goes to."""

from __future__ import annotations

PER_ENVIRONMENT = ("release", "promote", "rollback")
"""Flows that have a deployment of their own for each environment, so that its page says what runs there."""


def deployment_of(flow: str, environment: str, prefix: str) -> str:
    """Return the name of a flow's deployment: `release-staging` where the flow has one for each environment.

    Prefect's pages list deployments by this name alone, so it says what is done and where.
    """
    return prefix + (f"{flow}-{environment}" if flow in PER_ENVIRONMENT and environment else flow)
