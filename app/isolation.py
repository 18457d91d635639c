"""The headers of every response: cross-origin isolation, without which browsers give WebAssembly no threads, and what
keeps a page from loading anything of strangers, and from being shown inside of their pages."""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


def protection(page: Path) -> dict[str, str]:
    """What else every response says, for a server whose pages begin with the file `page`.

    Scripts come from the server, and WebAssembly may be compiled; of inline scripts only those of `page` run. A "blob:"
    is what Streamlit makes of a component's own script. Styles are inline in Streamlit, pictures data in its tables.
    """
    hashes = "".join(f" '{each}'" for each in inline_hashes(page.read_text(encoding="utf-8")))
    policy = {
        "default-src": "'self'",
        "script-src": f"'self' blob: 'wasm-unsafe-eval'{hashes}",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "frame-src": "'self' blob:",
        "frame-ancestors": "'self'",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Referrer-Policy": "same-origin",
    }


def inline_hashes(html: str) -> Iterable[str]:
    """The hash of each inline script, as a Content-Security-Policy names it (CSP level 3, section 2.3.1)."""
    for script in INLINE_SCRIPT.findall(html):
        yield f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


class IsolationHeaders:
    """ASGI middleware that sets the isolation headers, and `more`, on every response."""

    def __init__(self, app: ASGIApp, more: Mapping[str, str] | None = None) -> None:
        self.app = app
        self.added = [(name.lower().encode(), value.encode()) for name, value in (ISOLATION | dict(more or {})).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in self.added}

        async def send_isolated(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
                message["headers"] = [*kept, *self.added]
            await send(message)

        await self.app(scope, receive, send_isolated)
