"""By which names a server answers, and to whose pages: what stands between a stranger's web page and this machine.

A web page elsewhere can have its own name point to 127.0.0.1 (DNS rebinding), and then its scripts are same-origin with
this server. So a request has to name the server by a name that it is known by. An IP address in its place is such a
name where the server listens beyond this machine: no DNS is asked for it.
"""

import os
import re
import socket
from collections.abc import Callable, Collection
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HOSTS = "SHARPCAM_HOSTS"  # environment variable: more names, with commas between them
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?")  # RFC 9110, 7.2; names as DNS has them
READING = {"GET", "HEAD", "OPTIONS"}
REFUSED_SOCKET = 1008  # RFC 6455, 7.4.1: against the policy

Names = Callable[[], Collection[str]]


def given_names() -> set[str]:
    """The names of SHARPCAM_HOSTS."""
    return {name.strip().lower() for name in os.environ.get(HOSTS, "").split(",")} - {""}


def known_names(address: str | None) -> set[str]:
    """The names of a server that listens on `address`: this machine's own, that one, and those of SHARPCAM_HOSTS."""
    names = LOOPBACK | given_names()
    if address is None or not is_loopback(address):
        own = socket.gethostname().lower()
        names |= {own, f"{own}.local", *([address.lower()] if address else [])}
    return set(names)


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches that address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def name_in(host: str) -> str:
    """The name in a Host header, without port and final dot; empty where it is not a valid one."""
    found = HOST.fullmatch(host.lower())
    return (found[1] or found[2]).rstrip(".") if found else ""


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


class OnlyKnownHosts:
    """ASGI middleware that answers only under `names`, and changes something only for pages of its own.

    `open_to_network` says whether the server listens beyond this machine.
    """

    def __init__(self, app: ASGIApp, names: Names, open_to_network: Callable[[], bool]) -> None:
        self.app = app
        self.names = names
        self.open_to_network = open_to_network

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif refusal := self._refusal(scope):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": REFUSED_SOCKET})
            else:
                await refusal(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_known(name_in(host)):
            sentence = "This server is not known by that name. Open it by the address that it printed, or start it "
            sentence += "with --allow-host and the name.\n"
            return PlainTextResponse(sentence, HTTPStatus.MISDIRECTED_REQUEST)
        changes = scope["type"] == "websocket" or scope["method"] not in READING
        origin = headers.get("origin")
        if changes and origin is not None and netloc_of(origin) != host.lower():
            sentence = "Only pages of this server may do that. Open it by the address that it printed, and try again.\n"
            return PlainTextResponse(sentence, HTTPStatus.FORBIDDEN)
        return None

    def _is_known(self, name: str) -> bool:
        return name in self.names() or (_is_address(name) and self.open_to_network())


def netloc_of(origin: str) -> str:
    """The netloc of an origin; empty for "null" and what is no origin."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
