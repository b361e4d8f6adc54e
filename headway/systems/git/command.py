"""Runs the few commands that must be processes of Git's own: those that talk to a remote.

Each runs in a session of its own with every prompt turned off and a deadline; when
the deadline passes or the caller is interrupted, the whole group of processes ends
and is reaped. It refuses to let a credential out: what Git says is redacted here.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from headway.errors import FailedError, TransientError
from headway.systems.git.login import Login

QUICK = 60.0
NETWORK = 180.0

# What a hook that runs inside another repo leaves in the environment (`git rev-parse --local-env-vars`).
_FOREIGN = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
)
_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@'\"]*@", re.IGNORECASE)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Take every credential that a URL carries, and these secrets, out of a text."""
    text = _USERINFO.sub(r"\1", text)
    for secret in secrets:
        for spelling in {secret, quote(secret, safe=""), quote(secret)}:
            text = text.replace(spelling, "***")
    return text


@dataclass(frozen=True, slots=True)
class Result:
    """What a command gave back; `stderr` is redacted text."""

    code: int
    stdout: bytes
    stderr: str


class Runner:
    """Runs Git on one mirror; `url` has no login, and `login` reaches Git in its environment."""

    def __init__(
        self, folder: Path, url: str, refspecs: Sequence[str] = (), login: Login | None = None
    ) -> None:
        self.folder = folder
        self.url = url
        self._refspecs = refspecs
        self._login = login

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Give the environment that every command runs in."""
        env = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        env.update(
            LC_ALL="C",
            GIT_TERMINAL_PROMPT="0",
            GIT_OPTIONAL_LOCKS="0",
            GIT_LITERAL_PATHSPECS="1",
            GIT_NO_REPLACE_OBJECTS="1",
        )
        env.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=10")
        settings = [
            ("remote.origin.url", self.url),
            *(("remote.origin.fetch", it) for it in self._refspecs),
            ("http.lowSpeedLimit", "1000"),
            ("http.lowSpeedTime", "30"),
            ("gc.auto", "0"),
            ("maintenance.auto", "false"),
            ("core.quotePath", "false"),
            ("credential.interactive", "false"),
            *(self._login.settings() if self._login else ()),
        ]
        count = int(env.get("GIT_CONFIG_COUNT") or 0)
        for number, (name, value) in enumerate(settings, count):
            env[f"GIT_CONFIG_KEY_{number}"], env[f"GIT_CONFIG_VALUE_{number}"] = name, value
        env["GIT_CONFIG_COUNT"] = str(count + len(settings))
        return env | (self._login.environment() if self._login else {}) | dict(extra or {})

    def run(
        self,
        *arguments: str,
        timeout: float = QUICK,
        stdin: bytes = b"",
        extra: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> Result:
        """Run one command to its end; raise TransientError when it takes longer than `timeout` seconds.

        `keep_open` are descriptors that live as long as the command, even when this process dies.
        """
        with self._started(arguments, extra, keep_open, subprocess.PIPE) as process:
            try:
                out, err = process.communicate(stdin, timeout=timeout)
            except subprocess.TimeoutExpired:
                raise TransientError(
                    f"git {arguments[0]} of {redact(self.url)} did not end within {timeout:.0f} s",
                    hint="see whether the Git server answers, then try again",
                ) from None
        return Result(process.returncode, out, clean(err, self._login.secrets() if self._login else ()))

    @contextlib.contextmanager
    def stream(self, *arguments: str) -> Iterator[Iterator[bytes]]:
        """Give a command's output while it runs, cut at NUL bytes; leaving the block ends the command."""
        with self._started(arguments, None, (), subprocess.DEVNULL) as process:
            yield _records(process)

    @contextlib.contextmanager
    def _started(
        self,
        arguments: Sequence[str],
        extra: Mapping[str, str] | None,
        keep_open: Sequence[int],
        errors: int,
    ) -> Iterator[subprocess.Popen[bytes]]:
        try:
            process = subprocess.Popen(
                ["git", f"--git-dir={self.folder}", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self.environment(extra),
                start_new_session=True,
                pass_fds=tuple(keep_open),
            )
        except FileNotFoundError:
            raise no_git() from None
        try:
            yield process
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            process.wait()


def _records(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert process.stdout is not None
    rest = b""
    while chunk := process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest


def clean(raw: bytes, secrets: Iterable[str] = ()) -> str:
    """Make what Git printed fit to show: text, without control characters, without credentials."""
    text = _CONTROL.sub("", raw.decode("utf-8", "replace").replace("\r", "\n"))
    return redact(text, secrets).strip()


def no_git() -> FailedError:
    """Say that Git is missing."""
    return FailedError(
        "the program git was not found", hint="install Git 2.31 or newer and put it on the PATH"
    )
