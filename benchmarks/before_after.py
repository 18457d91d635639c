"""A frame of a clip by bicubic interpolation and by the bundled student, side by side and enlarged.

python -m benchmarks.before_after [CLIP] [--at-s 1.0] [--crop 330,30,120,90] [--zoom 6] [-o docs/before_after.jpg]
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from benchmarks.cameras.methods import doubled
from benchmarks.cameras.sheet import captioned, check_suffix, encoded
from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame
from pipeline.core.paths import Paths
from pipeline.enhance.upscaler import load_upscaler
from pipeline.media.glance import Glance
from pipeline.media.video import look_at, read_frames
from pipeline.student.catalogue import find

GAP_PX = 8


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.before_after", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("clip", type=Path, nargs="?", default=Paths().demo_clip, metavar="CLIP")
    parser.add_argument("--at-s", type=float, default=1.0, metavar="S", help="which frame, by its time")
    parser.add_argument("--crop", default="330,30,120,90", metavar="X,Y,W,H", help="of the camera's frame")
    parser.add_argument("--zoom", type=int, default=6, metavar="N", help="of the camera's pixels")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/before_after.jpg"), metavar="PICTURE")
    asked = parser.parse_args(arguments)
    return run_command(lambda: draw(asked))


def draw(asked: argparse.Namespace) -> None:
    """Write the picture. Raises SharpcamError where the crop is not in the frame, or the clip is too short."""
    check_suffix(asked.output.suffix)
    facts = look_at(asked.clip)
    later = (each.picture for each in read_frames(facts, begin=0) if float(each.pts * facts.time_base) >= asked.at_s)
    frame = next(later, None)
    if frame is None:
        raise SharpcamError(f"{asked.clip} ends before {asked.at_s:g} s. Give an earlier time with --at-s.")
    x, y, width, height = crop = tuple(int(part) for part in asked.crop.split(","))
    if x + width > frame.shape[1] or y + height > frame.shape[0]:
        raise SharpcamError(
            f"--crop {asked.crop} does not fit into {frame.shape[1]}x{frame.shape[0]}. Give a smaller one."
        )
    upscaler = load_upscaler(find("bundled:student_m", Paths()).for_files, engine="onnxruntime-fp32", threads=2)
    pictures = doubled(frame, kernel="bicubic"), upscaler.seen(Glance(facts)).enhance(frame)
    parts = [
        captioned(enlarged(picture, crop, asked.zoom), title)
        for picture, title in zip(pictures, ("bicubic", "student_m"), strict=True)
    ]
    gap = np.full((parts[0].shape[0], GAP_PX, 3), 255, np.uint8)
    sheet = np.concatenate([parts[0], gap, parts[1]], axis=1)
    asked.output.write_bytes(encoded(sheet, asked.output.suffix))
    print(f"wrote {asked.output}: bicubic, student_m")


def enlarged(picture: Frame, crop: tuple[int, ...], zoom: int) -> Frame:
    """A crop, in pixels of the camera, of a picture of twice that size; both are shown through the same kernel."""
    x, y, width, height = (2 * part for part in crop)
    part = picture[y : y + height, x : x + width]
    size = zoom * crop[2], zoom * crop[3]
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC))


if __name__ == "__main__":
    sys.exit(main())
