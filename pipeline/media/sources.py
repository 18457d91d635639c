"""Where recorded frames come from: a camera, a video file, a folder of pictures. Each gives uint8 RGB frames."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from PIL import Image

from pipeline.core.clip_rules import PICTURES, check_size
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import check_frame, decode_frame, imdecode, png_size
from pipeline.core.geometry import Frame
from pipeline.core.hashing import sha256, sha256_of_all
from pipeline.core.params import CameraParams
from pipeline.media.colours import bits_of
from pipeline.media.decoding import Damage
from pipeline.media.orientation import matrix_of, upright
from pipeline.media.video import END_IS_MISSING, claimed_s, comes_without_times, opened, shown_frames

ATTEMPTS = 30  # reads in a row that may fail before a camera counts as stopped


class Source(Protocol):
    """Something that gives frames once, and afterwards what is known about them."""

    name: str

    def frames(self) -> Iterator[Frame]: ...

    def identity(self) -> dict[str, Any]: ...

    def about(self) -> dict[str, Any]: ...


@dataclass
class Video:
    """A video file, decoded by PyAV and turned upright."""

    path: Path
    name: str = ""
    fps: float | None = None
    damage: Damage = field(default_factory=Damage)
    bits: int = 8  # of its colours, once a frame has come

    def __post_init__(self) -> None:
        self.name = self.name or self.path.stem

    def frames(self) -> Iterator[Frame]:
        with opened(self.path) as (container, stream):
            self.fps = round(float(stream.average_rate), 3) if stream.average_rate else None
            total = stream.frames or round(claimed_s(container, stream) * (self.fps or 0))
            seen_s = 0.0
            decoded = shown_frames(
                container, stream, total=total, damage=self.damage, ascending=comes_without_times(self.path)
            )
            for frame, pts, _ in decoded:
                seen_s = float((pts or 0) * stream.time_base) + 1 / (self.fps or 1)
                self.bits = bits_of(frame.format)
                yield upright(frame.to_ndarray(format="rgb24"), matrix_of(frame))
            if seen_s < END_IS_MISSING * claimed_s(container, stream) - 1:
                raise EOFError

    def identity(self) -> dict[str, Any]:
        """What makes two recordings of a source the same one."""
        return {"source": "video", "file": self.path.name, "sha256": sha256(self.path)}

    def about(self) -> dict[str, Any]:
        counts = {
            "lost_frames": self.damage.lost,
            "concealed_frames": self.damage.concealed,
            "suspected_frames": self.damage.suspected,
        }
        damaged = {name: count for name, count in counts.items() if count}
        return {"fps_asked": None, "fps_reached": self.fps} | damaged

    @property
    def note(self) -> str:
        """What was not recorded as it is, in a sentence; empty where all was."""
        rounded = f"its {self.bits} bits a colour are rounded to the 8 that frames have" if self.bits > 8 else ""
        return "; ".join(filter(None, [str(self.damage), rounded]))


@dataclass
class Folder:
    """A folder of pictures, in the order of their names."""

    path: Path
    name: str = ""

    def __post_init__(self) -> None:
        self.name = self.name or self.path.resolve().name

    def _pictures(self) -> list[Path]:
        return sorted(path for path in self.path.iterdir() if path.is_file() and path.suffix.lower() in PICTURES)

    def frames(self) -> Iterator[Frame]:
        size = None
        for path in self._pictures():
            frame = _read_picture(path)
            size = size or frame.shape
            if frame.shape != size:
                raise SharpcamError(
                    f"{path} is {_size(frame.shape)}, the pictures before it are {_size(size)}; the frames of a clip "
                    "have one size. Put those of another size into a folder of their own."
                )
            yield frame

    def identity(self) -> dict[str, Any]:
        return {"source": "folder", "file": self.path.resolve().name, "sha256": sha256_of_all(self._pictures())}

    def about(self) -> dict[str, Any]:
        return {"fps_asked": None, "fps_reached": None}


def _read_picture(path: Path) -> Frame:
    """A picture, turned as its EXIF says. Its size comes first, by the header: a small file can unpack to gigabytes."""
    data = path.read_bytes()
    if path.suffix.lower() == ".png":
        check_frame(data, name=str(path))
        check_size(png_size(data), str(path))
        return decode_frame(data, name=str(path))
    size = _claimed_size(path)
    if size is not None:
        check_size(size, str(path))
    stored = imdecode(data, cv2.IMREAD_UNCHANGED) if size else None
    if stored is None or stored.dtype != np.uint8 or stored.ndim != 3 or stored.shape[2] != 3:
        raise SharpcamError(f"{path} is no 8-bit colour picture. Convert or remove that file and run again.")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])


def _claimed_size(path: Path) -> tuple[int, int] | None:
    """(width, height) by the header of a picture; None where it has none."""
    Image.MAX_IMAGE_PIXELS = None  # the rule for clips is narrower, and says what to do
    try:
        with Image.open(path) as picture:
            return picture.size
    except Exception:  # of parsers, which raise anything at what is broken
        return None


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"


@dataclass
class Camera:
    """A camera that OpenCV opens: settings are asked for and read back, frames while it warms up are dropped."""

    address: int | str
    asked: CameraParams
    name: str = "camera"
    stopped: bool = False
    _got: dict[str, Any] = field(default_factory=dict)
    _times: list[float] = field(default_factory=list)

    def frames(self) -> Iterator[Frame]:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it tells of every driver that it tries
        device = cv2.VideoCapture(self.address)
        try:
            if not device.isOpened():
                raise SharpcamError(
                    f"No camera {self.address} answers. Plug it in, close the programs that use it, or try another "
                    'index; on Linux "ls /dev/video*" lists them.'
                )
            self._configure(device)
            for _ in range(self.asked.warmup_frames):
                if self._next(device) is None:
                    return
            while (frame := self._next(device)) is not None:
                self._times.append(time.monotonic())
                yield frame
        finally:
            device.release()

    def _next(self, device: Any) -> Frame | None:
        for _ in range(ATTEMPTS):
            read, frame = device.read()
            if read and frame is not None:
                return np.ascontiguousarray(frame[..., ::-1])
        self.stopped = True
        return None

    def _configure(self, device: Any) -> None:
        """Ask for each setting that was given, then read back what the driver made of it."""
        wanted = {
            "pixel_format": (cv2.CAP_PROP_FOURCC, _fourcc(self.asked.pixel_format)),
            "width": (cv2.CAP_PROP_FRAME_WIDTH, self.asked.width),
            "height": (cv2.CAP_PROP_FRAME_HEIGHT, self.asked.height),
            "fps": (cv2.CAP_PROP_FPS, self.asked.fps),
            "exposure": (cv2.CAP_PROP_EXPOSURE, self.asked.exposure),
            "gain": (cv2.CAP_PROP_GAIN, self.asked.gain),
        }
        if self.asked.exposure is not None:
            device.set(cv2.CAP_PROP_AUTO_EXPOSURE, 1)  # Video4Linux: 1 is manual, 3 automatic
        for key, value in wanted.values():
            if value is not None:
                device.set(key, value)
        self._got = {name: round(device.get(key), 4) for name, (key, _) in wanted.items()}
        self._got["pixel_format"] = _letters(int(device.get(cv2.CAP_PROP_FOURCC)))

    def identity(self) -> dict[str, Any]:
        return {"source": "camera", "index": self.address}

    def about(self) -> dict[str, Any]:
        elapsed = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        return {
            "fps_asked": self.asked.fps,
            "fps_reached": round((len(self._times) - 1) / elapsed, 2) if elapsed else None,
            "asked": self.asked.model_dump(),
            "got": self._got,
        }


def _fourcc(letters: str) -> int | None:
    return cv2.VideoWriter.fourcc(*letters) if letters else None


def _letters(code: int) -> str:
    return "".join(chr((code >> shift) & 0xFF) for shift in (0, 8, 16, 24)).strip("\0 ")


def find_source(source: str, *, clip: str, asked: CameraParams) -> Source:
    """The source that `source` names: digits are a camera's index, else a folder or a video file."""
    if source.isdigit():
        return Camera(int(source), asked, name=clip or "camera")
    path = Path(source).expanduser()
    if path.is_dir():
        return Folder(path, name=clip)
    if path.is_file():
        return Video(path, name=clip)
    raise SharpcamError(
        f'The source "{source}" is not a file, a folder or a camera\'s index. Correct capture.source in params.yaml '
        "or --source (demo, inbox, 0, clip.mp4, folder/)."
    )
