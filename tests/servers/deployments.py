"""A cluster whose Deployments come up: what a controller and a kubelet would write, pod by pod, at a pace that a test sets.

An image whose tag has `broken` in it ends at its start, again and again.
"""

from __future__ import annotations

import copy
import threading
from typing import Any

from tests.servers.kubernetes import KINDS, ApiListener, KubeServer

ALL = {
    **KINDS,
    "": [*KINDS[""], ("v1", "pods", "Pod", "Namespaced"), ("v1", "events", "Event", "Namespaced")],
    "apps": [
        ("v1", "deployments", "Deployment", "Namespaced"),
        ("v1", "replicasets", "ReplicaSet", "Namespaced"),
    ],
}
REVISION = "deployment.kubernetes.io/revision"


class Cluster(KubeServer):
    """An API server with a controller behind it; `pace` is in seconds per pod, 0 for at once."""

    def __init__(self, listener: ApiListener | None = None, pace: float = 0.0) -> None:
        super().__init__(listener)
        self.kinds, self.watched, self.pace = ALL, True, pace
        self.settle = self._settle
        self.logs: dict[str, str] = {}
        """What pods wrote, by their names."""
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def _put(
        self, path: str, body: dict[str, Any], query: dict[str, list[str]]
    ) -> tuple[int, dict[str, Any]]:
        """Keep what the controller noted: an apply changes neither the status nor annotations of others."""
        before = self.objects.get(path)
        if "/deployments/" in path and before is not None:
            meta = before["metadata"]
            annotations = {**meta.get("annotations", {}), **body["metadata"].get("annotations", {})}
            body = {**body, "metadata": {**body["metadata"], "annotations": annotations}}
            body["metadata"]["generation"] = meta.get("generation", 1)
            if "status" in before:
                body["status"] = before["status"]
        return super()._put(path, body, query)

    def _answer(
        self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]
    ) -> tuple[int, Any]:
        """Choose pods by their labels and events by what they are about, and give a pod's log."""
        if method == "GET" and path.endswith("/log"):
            said = self.logs.get(path.split("/")[-2])
            if said is None:
                return 404, {"kind": "Status", "reason": "NotFound"}
            return 200, "\n".join(said.splitlines()[-int(query["tailLines"][0]) :]).encode()
        code, answer = super()._answer(method, path, query, body)
        if method == "GET" and "items" in answer:
            answer = {**answer, "items": [it for it in answer["items"] if _chosen(it, path, query)]}
        return code, answer

    def _settle(self, path: str) -> None:
        if "/deployments/" not in path:
            return
        if not self.pace:
            self._roll_out(path)
            return
        thread = threading.Thread(target=self._roll_out, args=(path,), daemon=True)
        thread.start()
        self._threads.append(thread)

    def close(self) -> None:
        """End it, and its controller."""
        self._stopped.set()
        super().close()
        for thread in self._threads:
            thread.join(5)

    def _roll_out(self, path: str) -> None:
        with self._lock:
            item = copy.deepcopy(self.objects[path])
            spec, meta = item["spec"], item["metadata"]
            wanted, root, name = (
                int(spec.get("replicas", 1)),
                path.rpartition("/deployments/")[0],
                meta["name"],
            )
            image = _image(item)
            old = self._sets(root, meta["uid"])
            if old and _image(old[-1][1]) == image:
                return
            revision = str(len(old) + 1)
            meta["generation"] = len(old) + 1
            meta.setdefault("annotations", {})[REVISION] = revision
            replica_set = {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": {
                    "name": f"{name}-{revision}",
                    "namespace": meta["namespace"],
                    "annotations": {REVISION: revision},
                    "ownerReferences": [_owner("Deployment", item)],
                },
                "spec": {"replicas": wanted, "template": copy.deepcopy(spec["template"])},
            }
            self.put(f"{root}/replicasets/{name}-{revision}", replica_set)
            item["status"] = _status(meta["generation"], wanted, 0, 0)
            self.put(path, item)
        core = root.replace("/apis/apps/v1", "/api/v1")
        broken = "broken" in image.partition("@")[0].rpartition(":")[2]
        for number in range(wanted):
            if self.pace and self._stopped.wait(self.pace):
                return
            with self._lock:
                pod = _pod(f"{name}-{revision}-{number}", replica_set, image, ready=not broken)
                self.put(f"{core}/pods/{pod['metadata']['name']}", pod)
                if self.objects[path]["metadata"].get("annotations", {}).get(REVISION) != revision:
                    # The next release came meanwhile.
                    return
                item = copy.deepcopy(self.objects[path])
                done = 0 if broken else number + 1
                item["status"] = _status(item["metadata"]["generation"], wanted, number + 1, done)
                self.put(path, item)
            if broken:
                return
        with self._lock:
            for gone, _ in old:
                for each in [
                    it for it in self.objects if it.startswith(f"{core}/pods/{gone.rpartition('/')[2]}-")
                ]:
                    self.drop(each)

    def _sets(self, root: str, uid: str) -> list[tuple[str, dict[str, Any]]]:
        found = [
            (path, it)
            for path, it in self.objects.items()
            if path.startswith(f"{root}/replicasets/") and it["metadata"]["ownerReferences"][0]["uid"] == uid
        ]
        return sorted(found, key=lambda it: int(it[1]["metadata"]["annotations"][REVISION]))


def _chosen(item: dict[str, Any], path: str, query: dict[str, list[str]]) -> bool:
    if path.endswith("/pods") and (labels := query.get("labelSelector")):
        mine = item["metadata"].get("labels") or {}
        return all(
            mine.get(key) == value for key, _, value in (it.partition("=") for it in labels[0].split(","))
        )
    fields = query.get("fieldSelector", [""])[0]
    if path.endswith("/events") and fields.startswith("involvedObject.uid="):
        return bool(item["involvedObject"]["uid"] == fields.partition("=")[2])
    return True


def _image(item: dict[str, Any]) -> str:
    return str(item["spec"]["template"]["spec"]["containers"][0]["image"])


def _owner(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": item["metadata"]["name"],
        "uid": item["metadata"]["uid"],
        "controller": True,
    }


def _status(generation: int, wanted: int, updated: int, available: int) -> dict[str, Any]:
    return {
        "observedGeneration": generation,
        "replicas": max(updated, 0),
        "updatedReplicas": updated,
        "readyReplicas": available,
        "availableReplicas": available,
    }


def _pod(name: str, replica_set: dict[str, Any], image: str, *, ready: bool) -> dict[str, Any]:
    state: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    if not ready:
        state = {
            "waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
        }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": replica_set["metadata"]["namespace"],
            "labels": replica_set["spec"]["template"].get("metadata", {}).get("labels", {}),
            "ownerReferences": [_owner("ReplicaSet", replica_set)],
        },
        "spec": copy.deepcopy(replica_set["spec"]["template"]["spec"]),
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [
                {
                    "name": replica_set["spec"]["template"]["spec"]["containers"][0]["name"],
                    "image": image,
                    "imageID": image,
                    "ready": ready,
                    "restartCount": 0 if ready else 9,
                    "state": state,
                    **({} if ready else {"lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}),
                }
            ],
        },
    }
