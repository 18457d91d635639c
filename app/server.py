"""The dashboard as an ASGI app, with the headers that cross-origin isolation (threads in WebAssembly) needs.

streamlit run app/server.py
"""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ISOLATION = (
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
)


class IsolationHeaders:
    """ASGI middleware that adds the isolation headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_isolated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *ISOLATION]
            await send(message)

        await self.app(scope, receive, send_isolated)


app = st.App(Path(__file__).with_name("main.py"), middleware=[Middleware(IsolationHeaders)])
