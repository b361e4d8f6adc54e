"""What can be asked of headway: one typed model per flow.

The same models check the Prefect form, the API call and the command line, so
what is wrong is refused before anything runs. They live here and not beside the
flows, since Prefect loads a flow's file under another module name.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from headway.domain.text.described import Described


class Request(Described):
    """What every request carries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    actor: str = ""
    """Who requests this: a name or an e-mail address. It is recorded in the commit."""

    reason: str = ""
    """Why, in a sentence. It is recorded in the commit."""

    dry_run: bool = False
    """Show what would be done; change nothing."""

    release_id: str = Field(default="", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$|^$", max_length=80)
    """Leave this empty. Programs that repeat a call send the same id each time, so that only one release is made."""

    @property
    def mark(self) -> str:
        """Return what tells this request from another with the same id, in 12 digits; who asked and why is left out.

        Empty where nothing is asked for beside what every request has.
        """
        said = self.model_dump(mode="json", exclude={*Forcible.model_fields, "no_hold"})
        if not said.get("pin_in", True):
            # So that a call which is repeated across an update is still the same.
            del said["pin_in"]
        for value in said.values():
            if isinstance(value, list):
                value.sort(key=str)
        text = json.dumps([type(self).__name__, said], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12] if said else ""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Put a flow's own fields before those that every request has: forms show them in this order."""
        schema = handler.resolve_ref_schema(super().__get_pydantic_json_schema__(core, handler))
        fields = schema.get("properties", {})
        last = [name for name in Forcible.model_fields if name in fields]
        schema["properties"] = {
            name: fields[name] for name in [*(it for it in fields if it not in last), *last]
        }
        return schema


class ServiceImage(Described):
    """One service and the image it should run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str = Field(min_length=1)
    """A service of headway.yaml."""

    image: str = Field(min_length=1)
    """A tag, a digest (`sha256:…`) or a full reference (`repo:tag@sha256:…`)."""


class Forcible(Request):
    """A request that may override what blocks it."""

    force: bool = False
    """Override locks, vetoes, windows, tag rules, missing approvals and a failed rehearsal on the cluster.

    Requires a reason, which is recorded.
    """

    plan: str = Field(default="", pattern=r"^[0-9a-f]{12}$|^$")
    """Leave this empty. Who has seen a plan sends its fingerprint, so that another one is refused instead of done."""


class BuildRequest(Request):
    """Build images of services at a commit, and push them."""

    services: list[str] = []
    """Services to build. Empty: every service that has a source."""

    ref: str = ""
    """Commit, tag or branch of the source repo. Empty: the branch in headway.yaml."""


class DeliverRequest(BuildRequest, Forcible):
    """Build images and release them to one environment."""

    environment: str = Field(min_length=1)
    """The environment that gets them."""


class ReleaseRequest(Forcible):
    """Release images to one environment."""

    environment: str = Field(min_length=1)
    """The environment that gets them."""

    images: list[ServiceImage] = Field(min_length=1)
    """The services to change, and their new images. All of them go out as one release."""

    pin_in: str = ""
    """A file of the config repo that gets an entry for an image which other environments' sources say, too."""

    no_hold: bool = False
    """Let automation replace an older image at its next scan. Otherwise it stays until something newer appears."""


class PromoteRequest(Forcible):
    """Release the images that are live and verified in another environment."""

    environment: str = Field(min_length=1)
    """The environment that gets them."""

    source: str = ""
    """The environment to promote from. Empty: `promote_from` in headway.yaml."""

    services: list[str] = []
    """Services to promote. Empty: all."""


class WatchRequest(Request):
    """Release what the rules pick, to every automatic environment."""

    environments: list[str] = []
    """Environments to release to. Empty: all automatic ones."""

    services: list[str] = []
    """Services to scan for. Empty: all."""


class RollbackRequest(Forcible):
    """Return an environment to images that were live before."""

    environment: str = Field(min_length=1)
    """The environment to roll back."""

    services: list[str] = []
    """Services to roll back. Empty: the whole environment."""

    to: str = ""
    """A release id, a commit or a time: 2026-11-23T10:00 (UTC), …T10:00+01:00, 2h ago. Empty: what was live before."""


def as_form(request: Request) -> dict[str, Any]:
    """Return a request as a deployment's form takes it, for somebody who is known: a rollback there needs a reason."""
    if isinstance(request, RollbackRequest) and not request.reason.strip():
        request = request.model_copy(update={"reason": f"requested by {request.actor}"})
    return request.model_dump(mode="json", exclude_defaults=True)


class ReconcileRequest(Forcible):
    """Make the cluster match the config repo."""

    environment: str = ""
    """The environment to reconcile. Empty: all."""

    adopt: bool = False
    """Take over objects in the repo that another tool created, or that this repo applied under its old address."""


class RebuildRequest(Request):
    """Restore an empty cluster from the config repo."""

    environments: list[str] = []
    """Environments to restore. Empty: all."""

    revision: str = ""
    """A commit, branch or tag of the config repo. Empty: what was live in each environment."""


class SetImageRequest(Request):
    """Change a running workload only: no config repo, no history."""

    service: str = Field(min_length=1)
    """Repository of the image to change, or a service of headway.yaml."""

    image: str = Field(min_length=1)
    """A tag, a digest or a full reference."""

    environment: str = ""
    """An environment of headway.yaml, if there is a config repo."""

    context: str = ""
    """The kubeconfig context, if there is no config repo."""

    namespace: str = ""
    """The namespace, if there is no config repo."""

    timeout: int = Field(default=600, gt=0)
    """How many seconds the rollout may take."""


MODELS: dict[str, type[Request]] = {
    "build-images": BuildRequest,
    "deliver": DeliverRequest,
    "release": ReleaseRequest,
    "promote": PromoteRequest,
    "watch-registry": WatchRequest,
    "rollback": RollbackRequest,
    "reconcile": ReconcileRequest,
    "rebuild": RebuildRequest,
    "set-image": SetImageRequest,
}
"""Each flow's request."""
