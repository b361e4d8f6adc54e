"""An identity provider over HTTP: OpenID Connect's discovery, authorization code flow with PKCE, refresh, and userinfo."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.servers.http import Listener

CLIENT, SECRET = "headway", "a secret for tests"


class OidcServer:
    """One provider at which one person is logged in; `claims` is what it says of that person.

    `blocked` refuses refreshes, `away` answers 503 to everything, `spoil` changes an ID token's claims before signing,
    `foreign` signs with a key that nobody published.
    """

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"email": "ann@example.com", "email_verified": True, "groups": ["shop"]}
        self.blocked = self.away = self.foreign = False
        self.refresh = True
        self.spoil: dict[str, Any] = {}
        self.asked: list[str] = []
        self._key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self._other = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self._codes: dict[str, dict[str, str]] = {}
        self._refreshes: set[str] = set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                self._send(
                    *server.get(parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()}, self.headers)
                )

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                self._send(*server.post({k: v[0] for k, v in parse_qs(body).items()}, self.headers))

            def _send(self, status: int, said: Any) -> None:
                data = b"" if status == 302 else json.dumps(said).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", said)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._listener = Listener(Handler)
        self.url = f"http://127.0.0.1:{self._listener.server_address[1]}"

    def close(self) -> None:
        """Stop."""
        self._listener.close()

    def get(self, path: str, query: dict[str, str], headers: Any) -> tuple[int, Any]:
        """Answer a GET: the status, and the body or where to go."""
        self.asked.append(path)
        if self.away:
            return 503, {"error": "temporarily_unavailable"}
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/jwks",
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        if path == "/jwks":
            return 200, {"keys": [self._key.as_dict(private=False)]}
        if path == "/authorize":
            assert query["client_id"] == CLIENT
            assert query["response_type"] == "code"
            code = secrets.token_urlsafe(16)
            self._codes[code] = query
            return 302, f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        if path == "/userinfo":
            known = headers.get("Authorization", "").startswith("Bearer ")
            return (200, {"sub": "1", **self.claims}) if known else (401, {"error": "invalid_token"})
        return 404, {}

    def post(self, form: dict[str, str], headers: Any) -> tuple[int, Any]:
        """Answer at the token endpoint."""
        self.asked.append(f"token:{form.get('grant_type')}")
        if self.away:
            return 503, {"error": "temporarily_unavailable"}
        basic = base64.b64decode(headers.get("Authorization", "").removeprefix("Basic ")).decode()
        if [unquote(it) for it in basic.split(":")] != [CLIENT, SECRET]:
            return 401, {"error": "invalid_client"}
        if form["grant_type"] == "refresh_token":
            if self.blocked or form["refresh_token"] not in self._refreshes:
                return 400, {"error": "invalid_grant"}
            self._refreshes.discard(form["refresh_token"])
            return 200, self._tokens({})
        asked = self._codes.pop(form["code"], None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        proof = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
            .decode()
            .rstrip("=")
        )
        if proof != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "1",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        }
        key = self._other if self.foreign else self._key
        token = jwt.encode({"alg": "RS256", "kid": "one"}, {**claims, **self.claims, **self.spoil}, key)
        return 200, self._tokens({"id_token": token})

    def _tokens(self, more: dict[str, Any]) -> dict[str, Any]:
        found = {"access_token": secrets.token_urlsafe(8), "token_type": "Bearer", "expires_in": 300, **more}
        if self.refresh:
            found["refresh_token"] = secrets.token_urlsafe(16)
            self._refreshes.add(found["refresh_token"])
        return found
