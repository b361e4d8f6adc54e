"""Which Prefect deployment a request goes to."""

from __future__ import annotations

PER_ENVIRONMENT = ("release", "promote", "rollback")
"""Flows that have a deployment of their own for each environment, so that its page says what runs there."""


def deployment_of(flow: str, environment: str, prefix: str) -> str:
    """Return the name of a flow's deployment: the environment's own, where the flow has one for each."""
    return prefix + ((environment if flow in PER_ENVIRONMENT else "") or flow)
