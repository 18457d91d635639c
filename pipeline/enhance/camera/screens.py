"""Where the pictures of a camera go: a window, a file, or another camera."""

import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from pipeline.core.errors import SharpcamError
from pipeline.core.files import whole_file
from pipeline.core.frames import write_frame
from pipeline.core.geometry import Frame, resize
from pipeline.enhance.camera.latest_frame import Shot
from pipeline.enhance.encoding import Encoding, container_of, open_encoder, written
from pipeline.media.colours import Colours

ESC, SNAPSHOT = 27, ord("s")
TICKS = 90_000  # a second, in a recording
COLOURS = Colours(matrix=6, range=1, primaries=6, transfer=6)
MATRIX = 5  # SMPTE 170M, as the converter of colours counts it


class Screen(ABC):
    """Where the pictures go."""

    words = ""  # said beside them, where there is a place

    @abstractmethod
    def show(self, shot: Shot, picture: Frame, /) -> bool:
        """Show one; False where somebody wants to leave."""

    def wait(self) -> bool:
        """There is none at the moment; False where somebody wants to leave."""
        return True

    @abstractmethod
    def close(self) -> None:
        """Nothing more comes."""


class Window(Screen):
    """A window: original | enhanced, divided where the mouse is; s keeps both pictures, ESC leaves."""

    name = "sharpcam"

    def __init__(self) -> None:
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise SharpcamError("There is no screen here. Give --output file.mp4, or open the dashboard's page Live.")
        self.split = 0.5
        self.last: tuple[Frame, Frame] | None = None
        try:
            cv2.namedWindow(self.name, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        except cv2.error as error:
            raise SharpcamError(f"No window can be opened ({error}). Give --output file.mp4.") from None
        cv2.setMouseCallback(self.name, self._moved)

    def _moved(self, event: int, x: int, *_: object) -> None:
        if event == cv2.EVENT_MOUSEMOVE and self.last is not None:
            self.split = x / self.last[1].shape[1]

    def show(self, shot: Shot, picture: Frame, /) -> bool:
        self.last = shot.frame, picture
        both = divided(
            resize(shot.frame, size=(picture.shape[1], picture.shape[0]), kernel="bicubic"), picture, self.split
        )
        cv2.imshow(self.name, with_words(both, self.words)[..., ::-1])
        return self._key()

    def wait(self) -> bool:
        if self.last is not None:
            cv2.imshow(self.name, with_words(self.last[1].copy(), self.words)[..., ::-1])
        return self._key()

    def _key(self) -> bool:
        key = cv2.pollKey() & 0xFF
        if key == SNAPSHOT and self.last is not None:
            for name, picture in zip(("original", "enhanced"), self.last, strict=True):
                file = Path(f"snapshot-{time.strftime('%Y%m%d-%H%M%S')}-{name}.png")
                write_frame(file, np.ascontiguousarray(picture))
                print(f"kept {file}", flush=True)
        return key != ESC and cv2.getWindowProperty(self.name, cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        """Take the window away."""
        cv2.destroyWindow(self.name)


def divided(original: Frame, picture: Frame, split: float) -> Frame:
    """Left of `split` (0..1) the one picture, right of it the other, a white line between."""
    column = round(min(max(split, 0.0), 1.0) * (picture.shape[1] - 1))
    both = picture.copy()
    both[:, :column] = original[:, :column]
    both[:, column : column + 2] = 255
    return both


def with_words(picture: Frame, words: str) -> Frame:
    """`picture` with words in its upper left corner."""
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(picture, words, (10, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, thickness, cv2.LINE_AA)
    return picture


class Recording(Screen):
    """A video that grows while the camera runs, each frame at the time at which it came."""

    def __init__(self, container: Any, encoding: Encoding, fps: float) -> None:
        self.container, self.encoding, self.fps = container, encoding, Fraction(fps).limit_denominator(1001)
        self.stream: Any = None
        self.began, self.last = 0.0, -1
        self.size = (0, 0)

    def show(self, shot: Shot, picture: Frame, /) -> bool:
        if self.stream is None:
            self._begin(shot, picture)
        if (picture.shape[1], picture.shape[0]) != self.size:  # it came back with another size
            picture = resize(picture, size=self.size, kernel="area")
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(
            format=self.encoding.pixels(COLOURS.bits), dst_colorspace=MATRIX, dst_color_range=COLOURS.range
        )
        self.last = max(self.last + 1, round((shot.at - self.began) * TICKS))
        frame.pts, frame.time_base = self.last, Fraction(1, TICKS)
        self.container.mux(self.stream.encode(frame))
        return True

    def _begin(self, shot: Shot, picture: Frame) -> None:
        self.began, self.size = shot.at, (picture.shape[1], picture.shape[0])
        self.stream = self.container.add_stream(self.encoding.table.encoder)
        base = Fraction(1, TICKS)
        self.encoding.tune(self.stream.codec_context, COLOURS, size=self.size, rate=self.fps, base=base)
        open_encoder(self.stream.codec_context)

    def close(self) -> None:
        """Write what the encoder still holds. Raises SharpcamError where there was no frame at all."""
        if self.stream is None:
            raise SharpcamError("The camera gave no frame, so there is no file. Check it, and run again.")
        self.container.mux(self.stream.encode())


class VirtualCamera(Screen):
    """Another camera of this system, which other programs can open."""

    def __init__(self, fps: float) -> None:
        try:
            self.module: Any = import_module("pyvirtualcam")
        except ImportError:
            raise SharpcamError('There is no virtual camera here. Run "pip install pyvirtualcam" first.') from None
        self.fps = fps
        self.device: Any = None

    def show(self, _shot: Shot, picture: Frame, /) -> bool:
        if self.device is None:
            try:
                self.device = self.module.Camera(width=picture.shape[1], height=picture.shape[0], fps=self.fps)
            except RuntimeError as error:
                raise SharpcamError(
                    f"The virtual camera cannot be opened ({error}). On Linux load v4l2loopback first."
                ) from None
        self.device.send(picture)
        return True

    def close(self) -> None:
        """Let go of it."""
        if self.device is not None:
            self.device.close()


@contextmanager
def screen_of(encoding: Encoding, fps: float, *, output: Path | None, virtual: bool) -> Iterator[Screen]:
    """A file or a virtual camera where one is asked for, else a window."""
    with ExitStack() as stack:
        if output is not None:
            if output.exists():
                raise SharpcamError(f"{output} exists already. Choose another OUTPUT.")
            container = container_of(output)
            temporary = stack.enter_context(whole_file(output))
            opened = stack.enter_context(written(temporary, container=container))
            screen: Screen = Recording(opened, encoding.suited(output), fps)
        else:
            screen = VirtualCamera(fps) if virtual else Window()
        yield screen
        screen.close()
