"""Runs the few commands that must be processes of Git's own: those that talk to a remote.

Each runs in a session of its own with every prompt turned off and a deadline; when
the deadline passes or the caller is interrupted, the whole group of processes ends
and is reaped. It refuses to let a credential out: what Git says is redacted here.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired

from git.cmd import Git

from headway.errors import TransientError
from headway.systems.git.client import own_errors
from headway.systems.git.login import Login
from headway.systems.git.redaction import clean, redact

QUICK = 60.0
NETWORK = 180.0


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
        self.git = Git()
        self.git.set_persistent_git_options(git_dir=str(folder))
        self.git.update_environment(**self._environment())

    def _environment(self) -> dict[str, str]:
        """Return what every command finds in its environment, beside what is in this process's."""
        env = {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=10"),
        }
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
        count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
        for number, (name, value) in enumerate(settings, count):
            env[f"GIT_CONFIG_KEY_{number}"], env[f"GIT_CONFIG_VALUE_{number}"] = name, value
        env["GIT_CONFIG_COUNT"] = str(count + len(settings))
        return env | (self._login.environment() if self._login else {})

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
        with self._started(arguments, extra, keep_open) as process:
            try:
                out, err = process.communicate(stdin, timeout=timeout)
            except TimeoutExpired:
                raise TransientError(
                    f"git {arguments[0]} of {redact(self.url)} did not end within {timeout:.0f} s",
                    hint="see whether the Git server answers, then try again",
                ) from None
        return Result(process.returncode, out, clean(err, self._login.secrets() if self._login else ()))

    @contextlib.contextmanager
    def stream(self, *arguments: str) -> Iterator[Iterator[bytes]]:
        """Return a command's output while it runs, cut at NUL bytes; leaving the block ends the command."""
        with self._started(arguments) as process:
            yield _records(process)

    @contextlib.contextmanager
    def _started(
        self,
        arguments: Sequence[str],
        extra: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> Iterator[Popen[bytes]]:
        with own_errors():
            started: Git.AutoInterrupt = self.git.execute(
                [str(self.git.GIT_PYTHON_GIT_EXECUTABLE), f"--git-dir={self.folder}", *arguments],
                istream=PIPE,
                as_process=True,
                env=dict(extra or {}),
                start_new_session=True,
                pass_fds=tuple(keep_open),
            )
        process = started.proc
        assert process is not None
        with process:
            try:
                yield process
            finally:
                # The group, not the process: Git's own helpers for http and ssh hold its pipes open.
                if process.poll() is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)


def _records(process: Popen[bytes]) -> Iterator[bytes]:
    assert process.stdout is not None
    rest = b""
    while chunk := process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest
