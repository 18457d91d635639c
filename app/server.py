"""The dashboard as an ASGI app: Streamlit's pages, the live page's own routes; what strangers may not, and the headers
that isolate a page.

python -m streamlit run app/server.py
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager
from streamlit.watcher import polling_path_watcher

from app.at_once import send_at_once
from app.home import before_after
from app.hosts import OnlyKnownHosts, is_loopback, known_names
from app.isolation import IsolationHeaders, protection
from app.left_pages import ignore_left_pages
from app.live.routes import ROUTES, clean_inbox
from app.live.shelves import FilesFirst, file_routes
from app.log_in import OnlyWhoMay, check_settings
from app.modules_aside import set_modules_aside
from app.roles import is_shared
from pipeline.core.paths import Paths

ignore_left_pages()
send_at_once()
set_modules_aside()
# Else a new server's first visitor who comes by a page's own address gets that file alone, without main.py around it.
PagesManager.uses_pages_directory = False
# Streamlit looks for a changed config.toml in three places, five times a second: half of what idling takes.
vars(polling_path_watcher)["_POLLING_PERIOD_SECS"] = 5.0


def names() -> set[str]:
    """The names that the dashboard is known by."""
    return known_names(st.get_option("server.address"))


def open_to_network() -> bool:
    """Whether the dashboard listens beyond this machine; Streamlit without an address does."""
    address = st.get_option("server.address")
    return not address or not is_loopback(address)


@asynccontextmanager
async def lifespan(served: object) -> AsyncIterator[None]:
    """While the server runs: for others only with right settings. The first visitor finds the pictures of Home made."""
    if is_shared():
        check_settings()
    before_after.begin(Paths())
    async with clean_inbox(served):
        yield


MIDDLEWARE = [
    Middleware(IsolationHeaders, more=protection(Path(st.__file__).with_name("static") / "index.html")),
    Middleware(OnlyKnownHosts, names=names, open_to_network=open_to_network),
    Middleware(OnlyWhoMay),
    Middleware(FilesFirst, routes=file_routes(Paths())),
]
app = st.App(Path(__file__).with_name("main.py"), routes=ROUTES, lifespan=lifespan, middleware=MIDDLEWARE)
