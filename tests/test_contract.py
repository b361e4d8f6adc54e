"""What users see stays documented and deployed: settings, requests, flows."""

from __future__ import annotations

import re

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from headway import requests
from headway.domain.runs.deployments import PER_ENVIRONMENT
from headway.domain.text.described import Described, descriptions
from headway.flows import FLOWS, flow_named
from headway.settings import Settings
from tests import REPO

ROOT = REPO
MODELS = [
    it
    for it in vars(requests).values()
    if isinstance(it, type) and issubclass(it, Described) and it is not Described
]
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    """A variable that headway reads is in the table of docs/settings.md."""
    assert f"| `HEADWAY_{name.upper()}` |" in (ROOT / "docs/settings.md").read_text()


def test_no_setting_is_documented_that_does_not_exist() -> None:
    """The table names nothing that headway would not read."""
    named = set(re.findall(r"^\| `HEADWAY_([A-Z_]+)`", (ROOT / "docs/settings.md").read_text(), re.M))
    assert named == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("model", MODELS, ids=lambda it: it.__name__)
def test_every_field_of_a_form_says_what_it_is(model: type[BaseModel]) -> None:
    """The Prefect form shows a sentence under each field."""
    assert model.__doc__
    for name in model.model_fields:
        assert descriptions(model).get(name), name


@pytest.mark.parametrize("model", MODELS, ids=lambda it: it.__name__)
def test_unknown_fields_are_refused(model: type[BaseModel]) -> None:
    """A misspelt field is an error, not silence."""
    with pytest.raises(ValidationError, match="enviroment"):
        model.model_validate({"enviroment": "staging"})


def test_every_flow_is_deployed_and_every_deployment_is_a_flow() -> None:
    """prefect.yaml and the command line name the same flows."""
    assert {it["entrypoint"] for it in DEPLOYMENTS} == {
        f"headway.flows.{it}:{it}" for it in (name.replace("-", "_") for name in FLOWS)
    }
    names = {it["entrypoint"].partition(":")[2].replace("_", "-"): it["name"] for it in DEPLOYMENTS}
    assert {flow for flow, name in names.items() if name == flow} == set(FLOWS) - set(PER_ENVIRONMENT)
    assert all(it["description"] and it["tags"] for it in DEPLOYMENTS)


@pytest.mark.parametrize("name", FLOWS)
def test_file_is_flow_is_deployment(name: str) -> None:
    """One flow per file, under one name everywhere."""
    function = name.replace("-", "_")
    assert f'@flow(name="{name}"' in (ROOT / "flows" / f"{function}.py").read_text()
    assert flow_named(name).__module__ == f"headway.flows.{function}"
