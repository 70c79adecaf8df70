"""Who may look at the served browser? Whoever names this machine as it is called and, beyond it, has the token.

A page of somebody else's that is open in the same browser can send requests here under a name of its own that leads to this
machine (DNS rebinding), so a request for any other host is refused; and it can send them from its own origin, so changes are
taken from pages of this server alone.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from typing import Literal

from strata.probes.errors import StrataError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = ("0.0.0.0", "::")
COOKIE, TOKEN = "strata-token", "token"
Refusal = Literal["host", "origin", "token"]
_LEAST_TOKEN = 16
"""Letters of a token that a person chooses."""


@dataclass(frozen=True)
class Access:
    """Where the server listens, and what a request must bring."""

    host: str
    token: str | None
    """None: only on this machine, where none is asked for."""
    pages: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    """Part of the address of a run's own page and what lies beside it, which the page asks for from its sandbox, without a cookie."""

    @property
    def is_local(self) -> bool:
        return self.host in LOOPBACK

    @property
    def name(self) -> str:
        """As it stands in an address that a person opens."""
        if self.host in _EVERYWHERE:
            return socket.gethostname()
        return f"[{self.host}]" if ":" in self.host else self.host

    def refusal(
        self, *, host: str, origin: str | None, token: str | None, changes: bool, path: str = "/"
    ) -> Refusal | None:
        """Why a request is refused; None where it isn't.

        `host`, `origin`: headers of those names. `token`: what it brings. `changes`: whether it is more than a look.
        """
        if not self._is_called(_name_of(host)):
            return "host"
        if changes and origin is not None and origin.partition("://")[2] != host:
            return "origin"
        if path.startswith(f"/run/{self.pages}/"):
            return None
        if self.token is not None and not secrets.compare_digest((token or "").encode(), self.token.encode()):
            return "token"
        return None

    def _is_called(self, name: str) -> bool:
        if name in LOOPBACK:
            return True
        if self.is_local:
            return False
        # A number can't be made to lead elsewhere, as a name can.
        return _is_number(name) or name in {self.host, socket.gethostname()}


def access_to(host: str, token: str | None) -> Access:
    """Beyond this machine a token is made where none is given. Raises StrataError for a short one."""
    if token is not None and len(token) < _LEAST_TOKEN:
        raise StrataError(
            f"--token has {len(token)} letters",
            f"Give at least {_LEAST_TOKEN}, or leave it out: one is made where it is needed",
        )
    if token is None and host not in LOOPBACK:
        token = secrets.token_urlsafe(24)
    return Access(host, token)


def _name_of(host: str) -> str:
    """Without the port: behind a tunnel it is another one."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
