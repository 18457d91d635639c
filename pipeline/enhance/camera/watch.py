"""A camera through a student, as it happens: to a window, a file, or another camera. The newest frame wins."""

import sys
import time
from collections import deque
from pathlib import Path

from pipeline.core.params import CameraParams
from pipeline.core.progress import Bar, progress_bar
from pipeline.enhance.camera.latest_frame import LatestFrame
from pipeline.enhance.camera.screens import screen_of
from pipeline.enhance.encoding import Encoding
from pipeline.enhance.following import Following
from pipeline.enhance.upscaler import Upscaler
from pipeline.student.dials import Dials, describe

SPAN = 60  # frames that fps and latency are told of


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
        LatestFrame(address, asked).open() as camera,
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


def spoken(times: "deque[tuple[float, float]]", camera: LatestFrame) -> str:
    """Frames a second, and how old the picture was when it was shown."""
    if len(times) < 2:
        return ""
    span = times[-1][0] - times[0][0]
    latencies = sorted(latency for _, latency in times)
    return f"{(len(times) - 1) / span:.1f} fps, {1e3 * latencies[len(latencies) // 2]:.0f} ms, {camera.dropped} dropped"
