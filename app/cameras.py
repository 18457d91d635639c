"""Figures by camera, as the metrics of runs and the tags of versions hold them; the user's own cameras first."""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.core.clips import DEMO_CAMERAS, own_first
from pipeline.tracking.figures import CAMERA_PREFIX

STUDENT = ".student"


def camera_columns(known: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Title of a column -> the metric or tag in it, for each camera that one of the `known` names."""
    cameras = {
        name.removeprefix(CAMERA_PREFIX).removesuffix(STUDENT)
        for names in known
        for name in names
        if name.startswith(CAMERA_PREFIX) and name.endswith(STUDENT)
    }
    return {f"{camera} (dB)": f"{CAMERA_PREFIX}{camera}{STUDENT}" for camera in own_first(cameras)}


def own_cameras(cameras: Iterable[str]) -> list[str]:
    """Those of the user."""
    return [camera for camera in own_first(cameras) if camera != DEMO_CAMERAS]
