"""What HTTPS servers are checked against, read once for all clients of this process.

Each client would read the certificate authorities itself otherwise, which takes longer than what it asks.
"""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """Return the certificate authorities of this machine, as httpx finds them."""
    return httpx.create_ssl_context()
