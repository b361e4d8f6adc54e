"""The login in a Git URL, split off before anything else sees the URL.

A URL is shown, logged, put into an image's label, and named in the arguments of `git remote-http`, which every
user of the machine can read. So the URL that goes round has no login, and Git gets that by a credential
helper of its own, for that one host, from the environment of its process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from headway.errors import UsageError

USERNAME, PASSWORD = "HEADWAY_GIT_USERNAME", "HEADWAY_GIT_PASSWORD"
_HELPER = (
    f"""!f() {{ test "$1" = get && printf 'username=%s\\npassword=%s\\n' "${USERNAME}" "${PASSWORD}"; }}; f"""
)


@dataclass(frozen=True, slots=True)
class Login:
    """Who a URL says to be; `origin` is the only place that it is for: `https://git.example.com`."""

    origin: str
    username: str
    password: str = field(default="", repr=False)

    def settings(self) -> list[tuple[str, str]]:
        """Return the Git settings that make Git ask for this login, and no other, at its origin."""
        name = f"credential.{self.origin}"
        if not self.password:
            return [(f"{name}.username", self.username)] if self.username else []
        # An empty helper forgets those that were set before: this login was given, and theirs is another.
        return [(f"{name}.helper", ""), (f"{name}.helper", _HELPER)]

    def environment(self) -> dict[str, str]:
        """Return the variables that the helper answers from."""
        return {USERNAME: self.username, PASSWORD: self.password} if self.password else {}

    def secrets(self) -> list[str]:
        """Return what must be in no message: a name without a password is often a token."""
        return [it for it in (self.password or self.username,) if it]


def split_login(url: str) -> tuple[str, Login | None]:
    """Return a URL without its login, and the login; of ssh URLs only a password goes, which ssh never takes."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UsageError(
            "the URL of a Git repo cannot be read",
            hint="look for a bad port or bracket, or special characters of a login that want percent-encoding",
        ) from None
    if "@" not in parts.netloc or parts.scheme not in ("http", "https", "ssh", "git", "ftp", "ftps"):
        return url, None
    netloc = parts.netloc.rpartition("@")[2]
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if any(ord(it) < 32 or ord(it) == 127 for it in username + password):
        raise UsageError("the login in a Git URL has a control character", hint="percent-encode it again")
    if parts.scheme not in ("http", "https"):
        kept = f"{parts.username}@" if parts.username and parts.scheme == "ssh" else ""
        return urlunsplit(parts._replace(netloc=kept + netloc)), None
    plain = urlunsplit(parts._replace(netloc=netloc))
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    origin = f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
    return plain, Login(origin, username, password) if username or password else None
