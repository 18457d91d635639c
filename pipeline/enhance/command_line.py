"""The command line of `pipeline.enhance`: what may be asked for, and what does not go together."""

import argparse

from pipeline.core.errors import SharpcamError
from pipeline.core.frames import MEGAPIXELS
from pipeline.core.program import command_parser
from pipeline.enhance.comparison import TEACHER
from pipeline.enhance.encoding import CODECS, PRESETS, USUAL, USUAL_DEEP, USUAL_DEEP_IN, USUAL_IN, Encoding
from pipeline.enhance.images.write import BEST_QUALITY, QUALITY_MEANS
from pipeline.enhance.sizing import pixels
from pipeline.enhance.video import SEGMENT_FRAMES
from pipeline.student.engines import ENGINES

CAMERA = "camera:"
CAMERA_PRESET = "fast"
FOR_FILES = ("dry_run", "compare", "overwrite", "jobs", "megapixels", "segment_frames", "keep_interlaced")
FOR_CAMERAS = ("virtual_camera", "seconds")


def arguments_of(words: list[str] | None, *, about: str | None = None) -> argparse.Namespace:
    """The command line as parsed; `about` is what --help says first."""
    parser = command_parser("pipeline.enhance", about)
    add = parser.add_argument
    add("input", metavar="INPUT", help="a picture, a video, a folder of both, or camera:0")
    add("-o", "--output", metavar="OUTPUT", help="a file, or a folder for a folder; the format is that of its name")
    add(
        "--model",
        help="champion, candidate, version:3, bundled:student_m, or a path to an .onnx; else the best there is",
    )
    add("--engine", default="auto", help=f"auto: the fastest that keeps the quality; {', '.join(ENGINES)}")
    add("--threads", type=_positive, help="of the engine")
    add("--jobs", type=_positive, default=1, help="files at the same time")
    add(
        "--fit",
        action="store_true",
        help="give the target geometry, cropped as in training, in place of twice the input",
    )
    add("--scale", type=int, choices=(1, 2), help="times the input's size; 1 enhances without enlarging (2)")
    add(
        "--size", type=pixels, metavar="WxH", help="the size of what is written, such as 1280x720, in the input's shape"
    )
    add("--compare", metavar="OTHER", help="write [other | student] and a table; teacher, bicubic, lanczos or a model")
    add("--overwrite", action="store_true", help="replace outputs that exist; never an input")
    add("--dry-run", action="store_true", help="say what would be done")
    add("--megapixels", type=float, default=MEGAPIXELS, help="largest picture that is opened (%(default)g)")
    _add_of_videos(parser)
    _add_dials(parser)
    add("--virtual-camera", action="store_true", help="a camera's picture as another camera, through pyvirtualcam")
    add("--keep-interlaced", action="store_true", help="leave interlaced videos so; else they are deinterlaced")
    add("--library-lines", action="store_true", help="show what libraries write to the terminal by themselves")
    add("--seconds", type=float, help="end a camera's view after so long")
    return parser.parse_args(words)


def _add_of_videos(parser: argparse.ArgumentParser) -> None:
    """How files, above all videos, are written."""
    add = parser.add_argument
    usual, deep = (
        " and ".join([codec, *(f"{other} in {suffix}" for suffix, other in others.items())])
        for codec, others in ((USUAL, USUAL_IN), (USUAL_DEEP, USUAL_DEEP_IN))
    )
    add("--codec", help=f"of videos: {', '.join(CODECS)}; else {usual}, of more than 8 bits {deep}")
    add(
        "--preset",
        help=f"of videos: {', '.join(PRESETS)}; else {Encoding.preset}, and {CAMERA_PRESET} of a camera's",
    )
    add("--quality", type=_quality, help=QUALITY_MEANS)
    add(
        "--segment-frames",
        type=_positive,
        default=SEGMENT_FRAMES,
        help="that a kill can cost a video (%(default)s)",
    )


def _add_dials(parser: argparse.ArgumentParser) -> None:
    """What the camera is taken for, and how strong the student is."""
    add = parser.add_argument
    add("--denoise", type=_share, help="how noisy it is taken to be, 0 to 1; else as noisy as it looks")
    add("--sharpen", type=_share, help="how blurred it is taken to be, 0 to 1; else as blurred as it looks")
    add("--strength", type=_share, default=1.0, help="0: plain bicubic, 1: all of the student (%(default)g)")
    add("--calm", type=_share, default=1.0, help="of videos and cameras: 0: frame by frame, 1: all that time tells")


def refuse_ignored(asked: argparse.Namespace) -> None:
    """Raise SharpcamError where something is asked for that would not be done with this input."""
    is_camera = asked.input.startswith(CAMERA)
    usual = arguments_of([asked.input])
    others = FOR_FILES if is_camera else FOR_CAMERAS
    if ignored := [name for name in others if getattr(asked, name) != getattr(usual, name)]:
        options = " and no ".join(f"--{name.replace('_', '-')}" for name in ignored)
        raise SharpcamError(f"{'A camera takes' if is_camera else 'Files take'} no {options}. Leave that out.")
    sizes = [name for name in ("fit", "scale", "size") if getattr(asked, name) != getattr(usual, name)]
    sizes += [f"compare {TEACHER}"] * (asked.compare == TEACHER and sizes[:1] != ["fit"])
    if len(sizes) > 1:
        raise SharpcamError(f"--{' and --'.join(sizes)} ask for several sizes. Leave out all but one.")
    if asked.virtual_camera and asked.output:
        raise SharpcamError("A camera's picture goes to a file or to a virtual camera. Leave out one of them.")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")
    return share


def _quality(text: str) -> int:
    if not text.isdigit() or int(text) > BEST_QUALITY:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to {BEST_QUALITY}")
    return int(text)
