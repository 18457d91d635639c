"""The pages of the dashboard."""

from pathlib import Path

import streamlit as st

from app import roles
from app.log_in import show_log_in, show_who
from pipeline import __version__

PAGES = Path(__file__).with_name("pages")
TITLES = {  # file in pages/ -> title and icon, in the order of the menu
    "home.py": ("Home", ":material/home:"),
    "pipeline.py": ("Pipeline", ":material/account_tree:"),
    "parameters.py": ("Parameters", ":material/tune:"),
    "data.py": ("Data", ":material/photo_library:"),
    "runs.py": ("Runs", ":material/stacked_line_chart:"),
    "models.py": ("Models", ":material/trophy:"),
    "live.py": ("Live", ":material/videocam:"),
    "enhance.py": ("Enhance", ":material/auto_awesome:"),
}

# Streamlit tints a chosen segment with the colour of its words, which leaves these a contrast of 3.6:1 in dark mode.
# Pages begin right below Streamlit's header, in which the button of the menu is. Uploaders say in their labels what
# they take, in words, in place of every extension that there is.
# On a phone the toolbar of a table or a plot would lie over the buttons above it, and stay there after a tap.
STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding-top: 3.75rem }
[data-testid="stFileUploaderDropzoneInstructions"] { display: none }
.stButtonGroup button[data-variant="segmented_control"] { color: inherit !important }
@media (max-width: 640px) { [data-testid="stElementToolbar"] { display: none !important } }
</style>"""

# A file of its own: an icon from Streamlit's set would be fetched from a server elsewhere.
st.set_page_config(page_title="sharpcam", page_icon=str(PAGES.with_name("icon.svg")), layout="wide")
st.html(STYLE)
st.sidebar.caption(f"sharpcam {__version__}")
pages = [st.Page(PAGES / name, title=title, icon=icon) for name, (title, icon) in TITLES.items()]
role = roles.role()
page = st.navigation(pages, position="hidden" if role is roles.Role.STRANGER else "sidebar")
if role is roles.Role.STRANGER:
    show_log_in()
else:
    show_who(role)
    page.run()
