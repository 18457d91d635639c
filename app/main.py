"""The pages of the dashboard."""

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).with_name("pages")
TITLES = {  # file in pages/ -> title and icon, in the order of the menu
    "evaluation.py": ("Evaluation", ":material/fact_check:"),
}

st.set_page_config(page_title="sharpcam", page_icon=":material/photo_camera:", layout="wide")
st.navigation([st.Page(PAGES / name, title=title, icon=icon) for name, (title, icon) in TITLES.items()]).run()
