"""Sends the request of a command to its flow, and prints in a few words how that ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headway.cli.output import Output, out, print_json
from headway.errors import UsageError

if TYPE_CHECKING:
    from headway.requests import ServiceImage


def send(flow: str, local: bool, output: Output, **fields: Any) -> None:
    """Run a flow with a request of these fields, here or on the Prefect server, and print its result."""
    from pydantic import ValidationError

    from headway.cli.running import run_flow
    from headway.requests import MODELS

    try:
        request = MODELS[flow](**fields)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors())
        raise UsageError(f"the request is not valid: {wrong}") from None
    result = run_flow(flow, request, local=local, wide=output is Output.wide)
    if output is Output.json:
        print_json(result)
    else:
        out().print(_summary(flow, result), style="bold")


def _summary(flow: str, result: dict[str, Any]) -> str:
    from headway.domain.releases.endline import end_line, environment_line, flow_line

    if "flow_run" in result:
        return f"{flow}: {result['state'].lower()}"
    if "changes" in result:
        held = "".join(f"\nheld back: {it}" for it in result.get("held_back", ()))
        counts = f", {it}" if (it := _in_cluster(result.get("cluster"))) else ""
        return f"{result['environment']}: {len(result['changes'])} to change{counts}; nothing was done{held}"
    if result.get("state") == "applied":
        return (
            f"{result['environment']}: applied, not running ({result['commit'][:9]})\n{result['diagnosis']}\n"
            f"once it runs, `headway reconcile {result['environment']}` records it as live"
        )
    if "state" in result:
        return end_line(result)
    if flow in ("reconcile", "watch-registry"):
        return "\n".join(
            _summary(flow, it)
            if isinstance(it, dict) and ("commit" in it or "changes" in it)
            else environment_line(name, it)
            for name, it in result.items()
        )
    return flow_line(flow, result)


def _in_cluster(cluster: dict[str, Any] | None) -> str:
    """Say in a few words what a plan does in the cluster."""
    if not cluster or not cluster["changes"]:
        return ""
    count = len(cluster["changes"])
    return f"{count} object{'' if count == 1 else 's'} in the cluster"


def run_plan(environment: str, images: list[ServiceImage], output: Output) -> None:
    """Show what a release of these images would change."""
    send("release", True, output, environment=environment, images=images, dry_run=True)


def parse_images(words: list[str]) -> list[ServiceImage]:
    """Read SERVICE=IMAGE words; raise UsageError for one that is not."""
    from headway.requests import ServiceImage

    images = []
    for word in words:
        service, equals, image = word.partition("=")
        if not (service and equals and image):
            raise UsageError(f"{word!r} is not SERVICE=IMAGE", hint="for example frontend=sha-9ab2c41…")
        images.append(ServiceImage(service=service, image=image))
    return images
