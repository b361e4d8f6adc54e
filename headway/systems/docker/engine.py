"""The Docker engine: build an image from a folder, push it, and say how far that is.

The only importer of `docker`. What is built is decided elsewhere.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests

from headway.domain.images.reference import HUB, ImageRef
from headway.errors import FailedError, RegistryDenied, TransientError, UsageError
from headway.systems.machine.logins import DockerConfig, Login

BUILD_SECONDS = 3600
LAST_LINES = 12
LOG_SECONDS = 1.0
# What the classic builder says of its own containers; the steps and their output are the story.
_NOISE = re.compile(r"\s*$| ---> |Running in |Removing intermediate container ")
_DENIED = ("denied", "unauthorized", "authentication required", "no basic auth credentials")


class BuildFailed(FailedError):
    """A step of a Dockerfile failed."""


class Engine:
    """A Docker engine. Safe to use from several threads."""

    def __init__(self, client: Any, where: str, logins: DockerConfig) -> None:
        self._client = client
        self.where = where
        self._logins = logins

    @classmethod
    def open(cls, docker_config: str | None = None) -> Engine:
        """Connect to the engine that DOCKER_HOST names, or the default one; raise TransientError without one."""
        try:
            client = docker.from_env(timeout=BUILD_SECONDS)
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise _away("the Docker engine", error) from None
        return cls(
            client, os.environ.get("DOCKER_HOST") or "/var/run/docker.sock", DockerConfig(docker_config)
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def version(self) -> str:
        """Ask for the engine's version; raise TransientError when it does not answer."""
        try:
            return f"Docker {self._client.version()['Version']}"
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise _away(f"the Docker engine at {self.where}", error) from None

    def build(
        self,
        folder: Path,
        image: ImageRef,
        *,
        dockerfile: str = "Dockerfile",
        labels: Mapping[str, str] | None = None,
        build_args: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> str:
        """Build a folder and tag the image; return the image's id. `.dockerignore` is honoured.

        Raises UsageError for a Dockerfile that is not in the folder, BuildFailed with the
        last lines of the build, TransientError when the engine is away.
        """
        inside = (folder / dockerfile).resolve()
        if not inside.is_relative_to(folder.resolve()) or not inside.is_file():
            raise UsageError(
                f"the source has no {dockerfile}", hint="correct `dockerfile` or `context` in headway.yaml"
            )
        login = self._logins.login(image.registry)
        if login is not None:
            self._client.api._auth_configs.add_auth(_server(image.registry), _auth(login))
        last: list[str] = []
        found = ""
        for chunk in self._stream(
            lambda: self._client.api.build(
                path=str(folder),
                dockerfile=dockerfile,
                tag=f"{image.name}:{image.tag}",
                labels=dict(labels or {}),
                buildargs=dict(build_args or {}),
                rm=True,
                forcerm=True,
                decode=True,
            ),
            f"build of {image}",
        ):
            if "error" in chunk:
                raise BuildFailed(
                    f"the build of {image} failed: {str(chunk['error']).strip()}\n"
                    + "\n".join(last[-LAST_LINES:])
                )
            if "aux" in chunk and "ID" in chunk["aux"]:
                found = str(chunk["aux"]["ID"])
            for line in str(chunk.get("stream", "")).splitlines():
                if not _NOISE.match(line):
                    last.append(line)
                    on_line(line.rstrip())
        return found

    def push(self, image: ImageRef, on_line: Callable[[str], None] = lambda line: None) -> str:
        """Push a tag and return the digest that the registry has for it now.

        Raises RegistryDenied, FailedError, or TransientError.
        """
        login = self._logins.login(image.registry)
        progress = _Progress(on_line)
        digest = ""
        for chunk in self._stream(
            lambda: self._client.api.push(
                image.name,
                tag=image.tag,
                stream=True,
                decode=True,
                # Without a login of ours the engine must not look for one of its own.
                auth_config=_auth(login) if login else {},
            ),
            f"push of {image}",
        ):
            if "error" in chunk:
                raise _push_error(image, str(chunk["error"]), login)
            if "aux" in chunk:
                digest = str(chunk["aux"].get("Digest", digest))
            progress.take(chunk)
        if not digest:
            raise TransientError(f"the push of {image} ended without a digest")
        return digest

    def _stream(self, start: Callable[[], Any], what: str) -> Iterator[dict[str, Any]]:
        try:
            yield from start()
        except docker.errors.APIError as error:
            said = str(error.explanation or error)
            if error.is_server_error() and "dockerfile" not in said.lower():
                raise TransientError(f"{what}: the Docker engine answers: {said}") from None
            raise BuildFailed(f"{what}: {said}") from None
        except (docker.errors.DockerException, requests.RequestException, ValueError) as error:
            raise _away(f"the Docker engine at {self.where}", error) from None


class _Progress:
    """Sums up a push's layers into a line a second."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._bytes: dict[str, tuple[int, int]] = {}
        self._logged = time.monotonic()

    def take(self, chunk: Mapping[str, Any]) -> None:
        detail = chunk.get("progressDetail") or {}
        if chunk.get("status") == "Pushing" and detail.get("total"):
            self._bytes[str(chunk.get("id"))] = (int(detail.get("current", 0)), int(detail["total"]))
        now = time.monotonic()
        if self._bytes and now - self._logged >= LOG_SECONDS:
            self._logged = now
            done, total = (sum(it[n] for it in self._bytes.values()) for n in (0, 1))
            self._on_line(
                f"pushed {min(done, total) / 1e6:.1f} of {total / 1e6:.1f} MB ({100 * min(done, total) // total} %)"
            )


def _auth(login: Login) -> dict[str, str]:
    if login.identity_token:
        return {"identitytoken": login.identity_token}
    return {"username": login.username, "password": login.password}


def _server(registry: str) -> str:
    return "https://index.docker.io/v1/" if registry == HUB else registry


def _push_error(image: ImageRef, said: str, login: Login | None) -> FailedError | TransientError:
    if any(word in said.lower() for word in _DENIED):
        whose = f"the login from {login.source}" if login else "a push without a login"
        return RegistryDenied(
            f"registry {image.registry} refuses {whose} for {image.repository}",
            hint=f"docker login {image.registry}",
        )
    if any(
        word in said.lower() for word in ("timeout", "refused", "reset", "eof", "unavailable", "429", "50")
    ):
        return TransientError(f"the push of {image} broke off: {said}")
    return FailedError(f"the push of {image} failed: {said}")


def _away(what: str, error: Exception) -> TransientError:
    cause = "permission denied" if "ermission denied" in str(error) else type(error).__name__
    return TransientError(
        f"{what} does not answer ({cause})",
        hint="is it running? DOCKER_HOST says where it is; try: docker version",
    )
