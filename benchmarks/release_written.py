"""A release written and pushed over HTTP: 5,000 manifests in the repo, one service changed, a warm mirror.

Beside it the bare plumbing: fetch, hash-object, update-index in a temporary index,
write-tree, commit-tree, push.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from benchmarks.measure import Comparison, tell, timed
from headway.domain.config.reading import load_config
from headway.domain.images.reference import ImageRef
from headway.domain.releases.ledger import ReleaseRecord, format_message, new_release_id
from headway.domain.releases.plans import plan_images
from headway.systems.git.config_repo import ConfigRepo, ProposedCommit

FILES = 5000
PLUMBING = r"""
set -eu
cd "$1"
git fetch --quiet origin main
head=$(git rev-parse FETCH_HEAD)
file=staging/app-0042.yaml
blob=$(git cat-file blob "$head:$file" | sed "s|image: .*|image: localhost:5000/app/s42:$2|" |
    git hash-object -w --stdin)
GIT_INDEX_FILE=$(mktemp -u)
export GIT_INDEX_FILE
git read-tree "$head"
git update-index --cacheinfo "100644,$blob,$file"
tree=$(git write-tree)
commit=$(git commit-tree "$tree" -p "$head" -m "Release $2")
git push --quiet origin "$commit:refs/heads/main"
rm -f "$GIT_INDEX_FILE"
"""


def manifest(number: int) -> str:
    """Write one of the 5,000 Deployments."""
    name = f"app-{number:04}"
    return f"""# {name}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{app: {name}}}
spec:
  replicas: 2
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      containers:
        - name: main
          image: localhost:5000/app/s{number}:v0
          ports:
            - name: http
              containerPort: 8080
          env:
            - name: LEVEL
              value: "info"
          resources:
            requests: {{cpu: 10m, memory: 16Mi}}
          readinessProbe:
            httpGet: {{path: /healthz, port: http}}
"""


def make_repo(git_dir: Path) -> Path:
    """Make the bare repo with all manifests."""
    bare = git_dir / f"bench-{uuid.uuid4().hex[:8]}.git"
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        (folder / "staging").mkdir()
        for number in range(FILES):
            (folder / "staging" / f"app-{number:04}.yaml").write_text(manifest(number))
        (folder / "headway.yaml").write_text(
            "version: 1\napp: bench\nservices:\n  s42: {image: localhost:5000/app/s42}\n"
            "environments:\n  staging: {path: staging, cluster: {namespace: bench}}\n"
        )
        _git("init", "--quiet", "--initial-branch=main", work)
        _git("-C", work, "add", "--all")
        _git("-C", work, "commit", "--quiet", "-m", "Start")
        _git("clone", "--quiet", "--bare", work, str(bare))
    _git("-C", str(bare), "config", "http.receivepack", "true")
    _git("-C", str(bare), "config", "gc.auto", "0")
    return bare


def write(repo: ConfigRepo, tag: str) -> None:
    """Write one release as the release flow does: fetch, plan on the head, commit, push."""
    repo.fetch()
    release_id = new_release_id_now(tag)
    reference = ImageRef.parse(f"localhost:5000/app/s42:{tag}")

    def propose(head: str) -> ProposedCommit:
        data = repo.read(head, "headway.yaml")
        assert data is not None
        config = load_config(data)
        indexes = repo.index(repo.tree(head, "staging"))
        plan = plan_images(config, "staging", head, indexes, repo.reader(head), {"s42": (reference, "bench")})
        record = ReleaseRecord(id=release_id, environment="staging", kind="release", changes=plan.triples)
        return ProposedCommit(message=format_message(record), files=dict(plan.files))

    assert repo.publish(propose, release_id=release_id) is not None


def new_release_id_now(tag: str) -> str:
    """Make a release id for now."""
    from datetime import UTC, datetime

    return new_release_id(datetime.now(UTC), tag)


def run_all(rounds: int) -> list[Comparison]:
    """Measure writing, then indexing from nothing with its memory in a process of its own."""
    git_dir, url = Path(os.environ["LAB_GIT"]), os.environ["LAB_GIT_URL"]
    tell(f"making a repo of {FILES} manifests")
    bare = make_repo(git_dir)
    written = Comparison("release written and pushed over HTTP, 5,000 manifests", "bare plumbing", "1.5")
    with tempfile.TemporaryDirectory() as state:
        clone = Path(state) / "clone"
        _git("clone", "--quiet", "--bare", f"{url}/{bare.name}", str(clone))
        with ConfigRepo.open(f"{url}/{bare.name}", "main", Path(state)) as repo:
            write(repo, "warm")
            for number in range(rounds):
                tell(f"  round {number + 1} of {rounds}")
                written.theirs.append(
                    timed(lambda n=number: _run("bash", "-c", PLUMBING, "-", str(clone), f"b{n}"))  # type: ignore[misc]
                )
                written.ours.append(timed(lambda n=number: write(repo, f"h{n}")))  # type: ignore[misc]
        cold = Comparison("cold index of the 5,000 files", "–", "2 s, 200 MB")
        for _ in range(min(rounds, 3)):
            with tempfile.TemporaryDirectory() as fresh:
                done = _run(sys.executable, "-m", "benchmarks.release_written", f"{url}/{bare.name}", fresh)
            seconds, megabytes = done.split()
            cold.ours.append(float(seconds))
            cold.note = f"{megabytes} MB at most"
    return [written, cold]


def index_cold(url: str, state: str) -> None:
    """Index a repo's files from nothing, and print the seconds and the process's peak memory in MB."""
    with ConfigRepo.open(url, "main", Path(state)) as repo:
        head = repo.fetch()
        began = time.perf_counter()
        indexes = repo.index(repo.tree(head, "staging"))
        seconds = time.perf_counter() - began
    assert len(indexes) == FILES
    print(f"{seconds:.3f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}")


def _git(*arguments: str) -> str:
    return _run("git", "-c", "user.name=bench", "-c", "user.email=bench@example.com", *arguments)


def _run(*command: str) -> str:
    who = {
        "GIT_AUTHOR_NAME": "b",
        "GIT_AUTHOR_EMAIL": "b@example.com",
        "GIT_COMMITTER_NAME": "b",
        "GIT_COMMITTER_EMAIL": "b@example.com",
    }
    done = subprocess.run(command, env={**os.environ, **who}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout.strip()


if __name__ == "__main__":
    index_cold(sys.argv[1], sys.argv[2])
