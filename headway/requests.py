"""What can be asked of headway: one typed model per flow.

The same models check the Prefect form, the API call and the command line, so
what is wrong is refused before anything runs. They live here and not beside the
flows, since Prefect loads a flow's file under another module name.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Request(BaseModel):
    """What every request carries."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    actor: str = ""
    """Who asks: a name or an address. It goes into the commit."""

    reason: str = ""
    """Why, in a sentence. It goes into the commit."""

    dry_run: bool = False
    """Show what would be done, and change nothing."""

    release_id: str = Field(default="", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$|^$", max_length=80)
    """Leave empty. A caller that repeats its call gives the same id each time, and one release is made."""

    @property
    def mark(self) -> str:
        """Return what tells this request from another with the same id, in 12 digits; who asked and why is left out.

        Empty where nothing is asked for beside what every request has.
        """
        said = self.model_dump(mode="json", exclude={*Forcible.model_fields, "no_hold"})
        for value in said.values():
            if isinstance(value, list):
                value.sort(key=str)
        text = json.dumps([type(self).__name__, said], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12] if said else ""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Put a flow's own fields before those that every request has: forms show them in this order."""
        schema = handler.resolve_ref_schema(handler(core))
        fields = schema.get("properties", {})
        last = [name for name in Forcible.model_fields if name in fields]
        schema["properties"] = {
            name: fields[name] for name in [*(it for it in fields if it not in last), *last]
        }
        return schema


class ServiceImage(BaseModel):
    """One service and the image it should run."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    service: str = Field(min_length=1)
    """A service of headway.yaml."""

    image: str = Field(min_length=1)
    """A tag, a digest (`sha256:…`), or a whole reference (`repo:tag@sha256:…`)."""


class Forcible(Request):
    """A request that may go past what holds it back."""

    force: bool = False
    """Go past a lock, a veto, a closed window, a tag rule, a missing approval, or what the cluster would refuse.

    It needs a reason, which is recorded.
    """


class BuildRequest(Request):
    """Build images of services at a commit, and push them."""

    services: list[str] = []
    """Services to build; empty means every service that has a source."""

    ref: str = ""
    """Commit, tag or branch of the source repo; empty means the branch in headway.yaml."""


class DeliverRequest(BuildRequest, Forcible):
    """Build images and release them to one environment."""

    environment: str = Field(min_length=1)
    """The environment that gets them."""


class ReleaseRequest(Forcible):
    """Give images to one environment."""

    environment: str = Field(min_length=1)
    """The environment that gets them."""

    images: list[ServiceImage] = Field(min_length=1)
    """The services to change and their images. All go live as one release."""

    no_hold: bool = False
    """Where automation would replace an older image, let it: otherwise that waits for something newer."""


class PromoteRequest(Forcible):
    """Give an environment the images that are live and verified in another."""

    environment: str = Field(min_length=1)
    """The environment that gets them."""

    source: str = ""
    """The environment they are live in; empty means `promote_from` in headway.yaml."""

    services: list[str] = []
    """Services to promote; empty means all of them."""


class WatchRequest(Request):
    """Release what the rules pick, to every automatic environment."""

    environments: list[str] = []
    """Environments to look at; empty means all of them."""

    services: list[str] = []
    """Services to look for; empty means all of them."""


class RollbackRequest(Forcible):
    """Take an environment back to images that were live before."""

    environment: str = Field(min_length=1)
    """The environment to take back."""

    services: list[str] = []
    """Services to take back; empty means the whole environment."""

    to: str = ""
    """A release id, a commit, or a time: 2026-11-23T10:00 (UTC), …T10:00+01:00, 2h ago; empty: what was live before."""


def as_form(request: Request) -> dict[str, Any]:
    """Return a request as a deployment's form takes it, for somebody who is known: a rollback there needs a reason."""
    if isinstance(request, RollbackRequest) and not request.reason.strip():
        request = request.model_copy(update={"reason": f"asked for by {request.actor}"})
    return request.model_dump(mode="json", exclude_defaults=True)


class ReconcileRequest(Forcible):
    """Make the cluster equal to the config repo."""

    environment: str = ""
    """The environment to look at; empty means all of them."""

    adopt: bool = False
    """Take over objects that others made and the repo names, and what this repo applied under another address."""


class RebuildRequest(Request):
    """Make an empty cluster whole again from the config repo."""

    environments: list[str] = []
    """Environments to restore; empty means all of them."""

    revision: str = ""
    """A commit, branch or tag of the config repo; empty means what was live, environment by environment."""


class SetImageRequest(Request):
    """Change the running object and nothing else: no config repo, no history."""

    service: str = Field(min_length=1)
    """Repository of the image to change, or a service of headway.yaml."""

    image: str = Field(min_length=1)
    """A tag, a digest, or a whole reference."""

    environment: str = ""
    """An environment of headway.yaml, where there is a config repo."""

    context: str = ""
    """The kubeconfig's context, where there is no config repo."""

    namespace: str = ""
    """The namespace, where there is no config repo."""

    timeout: int = Field(default=600, gt=0)
    """Seconds the rollout may take."""


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
