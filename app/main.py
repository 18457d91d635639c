"""The pages of the dashboard."""

import streamlit as st

st.set_page_config(page_title="sharpcam", page_icon=":material/photo_camera:", layout="wide")
st.navigation([st.Page("evaluation.py", title="Evaluation", icon=":material/fact_check:")]).run()
