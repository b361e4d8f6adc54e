"""What the forms of deployments ask, refuse and fill in: *Quick run*, *Custom run*, an approval."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.utilities.schema_tools import ValidationError, validate

from headway.deployments.desired import desired_deployment
from headway.deployments.files import Wanted
from headway.domain.config.reading import Config
from headway.errors import RefusedError
from headway.flows.rollback import see_that_it_is_meant
from headway.requests import ReleaseRequest, RollbackRequest, as_form
from headway.runtime.orchestrated import Approval
from headway.settings import Settings
from tests.deployments.shop import AUTOMATIONS, CONFIG, RELEASE, SHOP, WANTED, body

QUICK = {
    "release": "images", "rollback": "reason", "deliver": "environment", "set-image": "service", "rebuild": "request",
    "build-images": "", "promote": "", "watch-registry": "", "reconcile": "",
}  # fmt: skip
"""What *Quick run* is refused for, by flow: what only a person can say. The others need nothing more."""


@pytest.mark.parametrize("wanted", WANTED.values(), ids=list(WANTED))
def test_unknown_parameters_are_refused_and_those_of_schedules_are_not(wanted: Wanted) -> None:
    """The server checks what a run is given against the schema: schedules' and automations' parameters pass it."""
    made = body(wanted)
    schema = made["parameter_openapi_schema"]
    given = [it["parameters"] for it in made["schedules"]]
    given += [
        action["parameters"]
        for it in AUTOMATIONS
        for action in it["actions"]
        if action.get("deployment") == wanted.full_name
    ]
    given += [made["parameters"]] if made["parameters"] else []
    for each in given:
        validate(each, schema, raise_on_error=True, preprocess=False, ignore_required=True)
    with pytest.raises(ValidationError, match="'typo' was unexpected"):
        validate({"typo": 1}, schema, raise_on_error=True, preprocess=False, ignore_required=True)


@pytest.mark.parametrize("config", [CONFIG, None])
def test_one_click_takes_no_environment_back(config: Config | None) -> None:
    """*Quick run* sends what the deployment has and nothing else: the server refuses it, and names what is missing."""
    wanted = WANTED["rollback/rollback-production"]
    made = desired_deployment(wanted, config, Settings(), SHOP, "headway")
    schema, quick = made["parameter_openapi_schema"], made["parameters"]
    for each in (quick, {"request": {**quick["request"], "reason": ""}}):
        with pytest.raises(ValidationError, match="reason"):
            validate(each, schema, raise_on_error=True)
    validate({"request": {**quick["request"], "reason": "wrong totals"}}, schema, raise_on_error=True)
    # The command line and the endpoint need no reason: they know who asks.
    asked = RollbackRequest(environment="production", actor="ann")
    validate({"request": as_form(asked)}, schema, raise_on_error=True)
    assert as_form(asked)["reason"] == "requested by ann"


def test_only_a_rollback_needs_a_reason() -> None:
    """What has its own questions, such as which image, is started by no click alone."""
    schema = body(WANTED["promote/promote-production"])["parameter_openapi_schema"]
    validate({"request": {"environment": "production"}}, schema, raise_on_error=True)
    assert "reason" not in as_form(ReleaseRequest.model_validate(RELEASE))


@pytest.mark.parametrize(("given", "refused"), [
    ({}, True),
    ({"actor": " ", "reason": " "}, True),
    ({"dry_run": True}, False),
    ({"actor": "ann"}, False),
    ({"reason": "wrong totals"}, False),
])  # fmt: skip
def test_a_rollback_that_nobody_stands_for_is_refused(given: dict[str, Any], refused: bool) -> None:
    """Also where the deployment's form was not made by sync: the run says what to fill in."""
    request = RollbackRequest(environment="production", **given)
    if not refused:
        see_that_it_is_meant(request)
        return
    with pytest.raises(RefusedError, match="no reason is given") as caught:
        see_that_it_is_meant(request)
    assert "say why: fill in `reason`" in caught.value.hint


@pytest.mark.parametrize("wanted", WANTED.values(), ids=list(WANTED))
def test_quick_run_works_or_says_what_is_missing(wanted: Wanted) -> None:
    """One click sends the deployment's own parameters: names to choose from are no reason to refuse them."""
    made = body(wanted)
    schema, quick = made["parameter_openapi_schema"], made["parameters"]
    if missing := QUICK[wanted.flow]:
        with pytest.raises(ValidationError, match=f"'{missing}'"):
            validate(quick, schema, raise_on_error=True)
    else:
        validate(quick, schema, raise_on_error=True)
    # What the form fills in by itself has to be one of its own choices, too.
    for model in schema["definitions"].values():
        for name, field in model.get("properties", {}).items():
            assert "default" not in field or field["default"] in field.get("enum", [field["default"]]), name


def test_an_approval_presets_no_answer() -> None:
    """Who approves says so, and who they are; only the plan that is meant stands there already."""
    form = Approval.with_initial_data(description="text", plan="0123456789ab")
    fields = form.model_json_schema()["properties"]
    assert {name for name, it in fields.items() if it.get("default")} == {"plan"}
    assert {"decision", "by"} <= set(form.model_json_schema()["required"])
    with pytest.raises(ValueError, match="decision"):
        form.model_validate({"plan": "0123456789ab"})
