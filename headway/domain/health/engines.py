"""Objects that other engines roll out (HelmRelease, Flux Kustomization, Argo CD Application): live is more than a word.

The engine's own status says whether it has applied the newest spec. What its pods run says whether that has arrived: a
pod of its with another version of an image is waited for. Which pods are the engine's is told by what the engines
write on the workloads that they apply; where that cannot be seen, the status alone is believed, and this is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from headway.domain.health.cause import Cause
from headway.domain.health.pods import is_leaving, is_ready, pod_signals
from headway.domain.health.self_report import Object, map_at
from headway.domain.health.verdict import NEVER, Health, Signal
from headway.domain.images.reference import Image, ImageRef
from headway.domain.manifests.expected import containers_of, digest_of

HELM, KUSTOMIZE, ARGO = "helm.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io", "argoproj.io"
ENGINES = {("HelmRelease", HELM), ("Kustomization", KUSTOMIZE), ("Application", ARGO)}
_HERE = frozenset({"", "https://kubernetes.default.svc", "in-cluster"})
_INSTANCE = "app.kubernetes.io/instance"
MOST_NAMESPACES = 20


@dataclass(frozen=True, slots=True)
class Engine:
    """An object of another engine: the images that its pods should run, and how its workloads are known.

    One pair of `marks` is enough: labels or annotations as they stand on a workload, where a value that ends in `*` is
    a beginning. `elsewhere` says that it applies to another cluster.
    """

    images: tuple[ImageRef, ...]
    namespaces: tuple[str, ...]
    marks: tuple[Mapping[str, str], ...]
    elsewhere: bool = False

    @classmethod
    def of(cls, item: Object, namespace: str, images: Iterable[Image]) -> Engine | None:
        """Return the engine that an object's manifest asks for; None where it is none, or says no image."""
        kind, group = str(item.get("kind")), str(item.get("apiVersion", "")).rpartition("/")[0]
        wanted = tuple(it.ref for it in images if it.ref is not None and (it.tag or it.digest))
        if (kind, group) not in ENGINES or not wanted:
            return None
        spec, name = map_at(item, "spec"), str(map_at(item, "metadata").get("name"))
        namespace = str(map_at(item, "metadata").get("namespace") or namespace)
        if kind == "Application":
            return _application(spec, name, namespace, wanted)
        elsewhere = bool(spec.get("kubeConfig"))
        target = str(spec.get("targetNamespace") or "")
        flux = {f"{group}/name": name, f"{group}/namespace": namespace}
        if kind == "Kustomization":
            return cls(wanted, (target or namespace,), (flux,), elsewhere)
        release = str(spec.get("releaseName") or (f"{target}-{name}" if target else name))
        helm = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": target or namespace}
        return cls(wanted, (target or namespace,), (flux, helm, {_INSTANCE: release}), elsewhere)

    def placed(self, item: Object | None) -> Engine:
        """Return the same with the namespaces that the engine's own inventory names."""
        status = map_at(item or {}, "status")
        entries = map_at(status, "inventory").get("entries")
        listed = [str(it.get("id", "")).partition("_")[0] for it in entries or () if isinstance(it, Mapping)]
        resources = status.get("resources")
        listed += [str(it.get("namespace") or "") for it in resources or () if isinstance(it, Mapping)]
        found = dict.fromkeys((*self.namespaces, *filter(None, listed)))
        return replace(self, namespaces=tuple(found)[:MOST_NAMESPACES])

    def made(self, item: Object) -> bool:
        """Return whether a workload or a pod is one that this engine applied."""
        meta = map_at(item, "metadata")
        said = {**map_at(meta, "annotations"), **map_at(meta, "labels")}
        return any(all(_fits(str(said.get(key, "")), it) for key, it in mark.items()) for mark in self.marks)


def _application(spec: Object, name: str, namespace: str, wanted: tuple[ImageRef, ...]) -> Engine:
    to = map_at(spec, "destination")
    elsewhere = str(to.get("server") or "") not in _HERE or str(to.get("name") or "") not in _HERE
    sources = spec.get("sources")
    helm = [map_at(spec, "source"), *(it for it in sources or () if isinstance(it, Mapping))]
    releases = {str(map_at(it, "helm").get("releaseName") or name) for it in helm}
    marks: list[Mapping[str, str]] = [{"argocd.argoproj.io/instance": name}]
    marks += [{_INSTANCE: it} for it in sorted({name, *releases})]
    tracking = "argocd.argoproj.io/tracking-id"
    marks += [{tracking: f"{name}:*"}, {tracking: f"{namespace}_{name}:*"}]
    return Engine(wanted, (str(to.get("namespace") or namespace),), tuple(marks), elsewhere)


def _fits(said: str, wanted: str) -> bool:
    return said.startswith(wanted[:-1]) if wanted.endswith("*") else said == wanted


def with_engine(found: Health, engine: Engine, pods: Iterable[Object], unseen: str = "") -> Health:
    """Add to what an engine's object says of itself what its pods run; `unseen` says why nobody can look at them."""
    if found.put_off:
        return found
    if engine.elsewhere:
        unseen = "its pods are in another cluster"
    if unseen:
        return replace(found, text=f"by its own status: {unseen}") if found.done else found
    old, new = _sorted(engine, pods)
    if not found.done:
        return replace(found, signals=(*found.signals, *(it for pod in new for it in pod_signals(pod))))
    if old:
        return _waits(
            f"{len(old)} of its pods " + ("is" if len(old) == 1 else "are") + " of another version", old
        )
    waiting = [pod for pod in new if not is_ready(pod)]
    if waiting:
        signals = tuple(it for pod in waiting for it in pod_signals(pod))
        name = str(waiting[0]["metadata"]["name"])
        text = f"{len(new) - len(waiting)} of {len(new)} pods are new and ready"
        unready = Signal(Cause("NotReady", f"pod {name} is not ready", name), NEVER)
        return Health(False, text, signals or (unready,))
    return found


def engine_pods(engine: Engine, pods: Iterable[Object]) -> tuple[list[Object], int]:
    """Return the pods that run the wanted images, and how many run an image of those repositories at all."""
    old, new = _sorted(engine, pods)
    return new, len(old) + len(new)


def _waits(text: str, old: list[tuple[Object, str]]) -> Health:
    pod, why = old[0]
    cause = Cause("NotReady", why, str(pod["metadata"]["name"]), blames=False)
    return Health(False, text, (Signal(cause, NEVER),))


def _sorted(engine: Engine, pods: Iterable[Object]) -> tuple[list[tuple[Object, str]], list[Object]]:
    """Return the pods with another version of an image, each with its reason, and those with the wanted ones."""
    old: list[tuple[Object, str]] = []
    new: list[Object] = []
    for pod in pods:
        if is_leaving(pod) or map_at(pod, "status").get("phase") in ("Succeeded", "Failed"):
            continue
        runs = [
            it for each in containers_of(map_at(pod, "spec")) if (it := _runs(engine, pod, each)) is not None
        ]
        if why := next(filter(None, runs), ""):
            old.append((pod, why))
        elif runs:
            new.append(pod)
    return old, new


def _runs(engine: Engine, pod: Object, container: Object) -> str | None:
    """Return why a container's version is not the wanted one, empty where it is; None for other repositories."""
    asked = Image(str(container.get("image", "")))
    wanted = [it for it in engine.images if asked.ref is not None and it.same_repository(asked.ref)]
    if not wanted:
        return None
    name, reported = str(container.get("name", "")), _reported(pod, str(container.get("name", "")))
    said = [_differs(it, asked, reported) for it in wanted]
    if "" in said:
        return ""
    return f"pod {map_at(pod, 'metadata').get('name')}: container {name} {said[0]}"


def _differs(wanted: ImageRef, asked: Image, reported: str) -> str:
    """Return how what a container asks for and reports is not the wanted image; empty where it is."""
    shown = str(wanted).partition("/")[2]
    if wanted.digest:
        same = digest_of(reported) == wanted.digest or asked.digest == wanted.digest
        if same or (asked.tag == wanted.tag and not asked.digest and not reported):
            return ""
        if asked.tag == wanted.tag and not asked.digest:
            return f"should run {shown} and reports {reported}"
    elif asked.tag == wanted.tag:
        return ""
    return f"runs {asked.tag or asked.digest or asked}, and {wanted.tag or wanted.digest} is wanted"


def _reported(pod: Object, container: str) -> str:
    status = map_at(pod, "status")
    listed = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return next((str(it.get("imageID") or "") for it in listed if it.get("name") == container), "")
