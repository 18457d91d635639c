"""Pictures that show the methods next to each other."""

import cv2
import numpy as np

from pipeline.core.clips import frame_name, of_each_clip, remove_tree
from pipeline.core.frames import read_frame, write_frame
from pipeline.core.geometry import Frame, enlarge
from pipeline.core.params import Params
from pipeline.core.paths import Paths
from pipeline.evaluate.cameras import Contestants

SAMPLE_PX = 480
CAPTION_PX = 32


def write_samples(places: list[tuple[str, str]], contestants: Contestants, paths: Paths, params: Params) -> None:
    """Cut-outs of a few frames: bicubic, student, teacher and, where there is one, truth side by side."""
    if paths.samples.exists():
        remove_tree(paths.samples)
    for index, (clip, stem) in enumerate(of_each_clip(places, params.evaluate.sample_frames)):
        raw = read_frame(paths.raw / clip / f"{stem}.png")
        pictures = {
            "bicubic": enlarge(raw, geometry=params.geometry, kernel="bicubic"),
            "student": contestants.on(clip)["student"].enhance(raw),
            "teacher": read_frame(paths.teacher / clip / f"{stem}.png"),
        }
        if (paths.truth / clip / f"{stem}.png").exists():
            pictures["truth"] = read_frame(paths.truth / clip / f"{stem}.png")
        write_frame(paths.samples / frame_name(index), side_by_side(pictures))


def side_by_side(pictures: dict[str, Frame]) -> Frame:
    """The middle of each picture under its name, in a row."""
    columns = []
    for name, picture in pictures.items():
        side = min(SAMPLE_PX, *picture.shape[:2])
        y, x = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        caption = np.full((CAPTION_PX, side, 3), 255, np.uint8)
        cv2.putText(caption, name, (8, CAPTION_PX - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 1, cv2.LINE_AA)
        columns.append(np.vstack([caption, picture[y : y + side, x : x + side]]))
    return np.hstack(columns)
