"""An application's deployments as deployments/sync wants them."""

from __future__ import annotations

from typing import Any

from headway.deployments.desired import desired_deployment
from headway.deployments.files import HERE, Wanted, read_yaml, wanted_deployments
from headway.deployments.owner import Owner
from headway.domain.config.reading import load_config
from headway.settings import Settings
from tests import REPO

ROOT = REPO
PROJECT = read_yaml(ROOT / "prefect.yaml")
AUTOMATIONS = read_yaml(HERE / "automations.yaml")
CONFIG = load_config(
    b"""version: 1
app: shop
services: {frontend: {image: "registry.example.com/frontend"}}
environments:
  staging: {path: staging, cluster: {namespace: staging}}
  production: {path: production, cluster: {namespace: production}, promote_from: staging}
"""
)
RELEASE = {"environment": "staging", "images": [{"service": "frontend", "image": "1"}], "actor": "ann"}
SHOP = Owner("shop", "")
WANTED = {it.full_name: it for it in wanted_deployments(PROJECT, CONFIG)}


def body(wanted: Wanted, owner: Owner = SHOP, settings: Settings | None = None) -> dict[str, Any]:
    """Return what sync sends for a deployment."""
    return desired_deployment(wanted, CONFIG, settings or Settings(), owner, "headway")
