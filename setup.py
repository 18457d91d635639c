"""What pyproject.toml cannot say: files of the root go along as a package, pipeline.shipped. All else is said there."""

from setuptools import find_packages, setup

SHIPPED = "pipeline.shipped"  # its files are named in pyproject.toml, and found by pipeline/core/paths.py
PAGES = "app.pages"  # scripts for Streamlit, and no modules

setup(
    script_name="setup.py",  # which is not part of a package that lies in the same folder
    packages=[*find_packages(include=["sharpcam*", "app*", "pipeline*", "training*"]), PAGES, SHIPPED],
    package_dir={SHIPPED: "."},
)
