"""The dashboard as an ASGI app: Streamlit's pages, the live page's own routes, and cross-origin isolation for all.

python -m streamlit run app/server.py
"""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager

from app.isolation import IsolationHeaders
from app.live.routes import ROUTES, clean_inbox

# Else a new server's first visitor who comes by a page's own address gets that file alone, without main.py around it.
PagesManager.uses_pages_directory = False

app = st.App(
    Path(__file__).with_name("main.py"),
    routes=ROUTES,
    lifespan=clean_inbox,
    middleware=[Middleware(IsolationHeaders)],
)
