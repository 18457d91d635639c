"""A camera through a student, as it happens: to a window, a file, or another camera. The newest frame wins."""

import os
import sys
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any, NamedTuple

import av
import cv2
import numpy as np

from pipeline.core.errors import SharpcamError
from pipeline.core.files import whole_file
from pipeline.core.frames import write_frame
from pipeline.core.geometry import Frame, resize
from pipeline.core.params import CameraParams
from pipeline.core.progress import Bar, progress_bar
from pipeline.enhance.encoding import Encoding, container_of, open_encoder, written
from pipeline.enhance.following import Following
from pipeline.enhance.upscaler import Upscaler
from pipeline.media.sources import Camera
from pipeline.media.video import Colours
from pipeline.student.dials import Dials, describe

RETRY_S = 1.0  # how often a camera that was unplugged is looked for
PATIENCE_S = 0.2  # without a frame, before keys are looked at again
SPAN = 60  # frames that fps and latency are told of
ESC, SNAPSHOT = 27, ord("s")
TICKS = 90_000  # a second, in a recording
COLOURS = Colours(matrix=6, range=1, primaries=6, transfer=6)
MATRIX = 5  # SMPTE 170M, as the converter of colours counts it


class Shot(NamedTuple):
    """A camera's frame, and when it came (seconds, monotonic)."""

    frame: Frame
    at: float


@dataclass
class Newest:
    """The newest frame of a camera. Those that nobody took are dropped; a camera that went away is opened again."""

    address: int | str
    asked: CameraParams
    dropped: int = 0
    lost: bool = False
    _shot: Shot | None = None
    _problem: SharpcamError | None = None
    _changed: Condition = field(default_factory=Condition)
    _leave: Event = field(default_factory=Event)

    @contextmanager
    def open(self) -> Iterator["Newest"]:
        """Read it in a thread for as long as the body runs."""
        reader = Thread(target=self._read, daemon=True)
        reader.start()
        try:
            yield self
        finally:
            self._leave.set()
            reader.join()

    def _read(self) -> None:
        seen = False
        while not self._leave.is_set():
            try:
                for frame in Camera(self.address, self.asked.model_copy(update={"warmup_frames": 0})).frames():
                    seen, self.lost = True, False
                    self._put(frame)
                    if self._leave.is_set():
                        return
            except SharpcamError as error:
                if not seen:
                    self._problem = error
                    return
            self.lost = True
            self._leave.wait(RETRY_S)

    def _put(self, frame: Frame) -> None:
        with self._changed:
            self.dropped += self._shot is not None
            self._shot = Shot(frame, time.monotonic())
            self._changed.notify()

    def take(self) -> Shot | None:
        """The newest frame that was not taken yet; None where none comes for a while.

        Raises SharpcamError where the camera never answered.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._shot or self._problem, timeout=PATIENCE_S)
            shot, self._shot = self._shot, None
        if shot is None and self._problem:
            raise self._problem
        return shot


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
        frame = frame.reformat(format=self.encoding.table.pixels, dst_colorspace=MATRIX, dst_color_range=COLOURS.range)
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


def watch(
    address: int | str,
    asked: CameraParams,
    upscaler: Upscaler,
    encoding: Encoding,
    *,
    output: Path | None = None,
    virtual: bool = False,
    seconds: float | None = None,
) -> None:
    """Enhance the newest frame of a camera again and again, until ESC, Ctrl-C or `seconds` are over."""
    times: deque[tuple[float, float]] = deque(maxlen=SPAN)  # when shown, latency
    told: Dials | None = None
    with (
        screen_of(encoding, asked.fps, output=output, virtual=virtual) as screen,
        Newest(address, asked).open() as camera,
        Following(upscaler) as following,
        progress_bar(what="camera", total=None) as bar,
    ):
        ends = time.monotonic() + (seconds or float("inf"))
        go_on = True
        try:
            while go_on and time.monotonic() < ends:
                shot = camera.take()
                if shot is None:
                    screen.words = "the camera is gone: waiting for it" if camera.lost else "waiting for a frame"
                    go_on = screen.wait()
                    continue
                picture = following.enhance(shot.frame)
                told = tell(following.found, told, bar)
                screen.words = spoken(times, camera)
                go_on = screen.show(shot, picture)
                times.append((time.monotonic(), time.monotonic() - shot.at))
                bar.set_postfix_str(screen.words, refresh=False)
                bar.update()
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
    print(f"{bar.n} frames shown, {camera.dropped} dropped; {spoken(times, camera)}")


def tell(dials: Dials | None, told: Dials | None, bar: Bar) -> Dials | None:
    """Say what the camera is found to be, where that was not `told` before; gives what is told now."""
    if dials is not None and dials != told:
        bar.write(f"camera: {describe(dials)}")
    return dials


def spoken(times: "deque[tuple[float, float]]", camera: Newest) -> str:
    """Frames a second, and how old the picture was when it was shown."""
    if len(times) < 2:
        return ""
    span = times[-1][0] - times[0][0]
    latencies = sorted(latency for _, latency in times)
    return f"{(len(times) - 1) / span:.1f} fps, {1e3 * latencies[len(latencies) // 2]:.0f} ms, {camera.dropped} dropped"
