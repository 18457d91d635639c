"""The demo: simulated cameras that pan, zoom and shake over a wall of photographs, and one real clip.

The photographs are those that scikit-image and scikit-learn ship. They are small, so they hang side by side and are
never enlarged: a pixel of the truth covers at least one pixel of a photograph.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pipeline.capture.wall import hang_wall
from pipeline.core.clips import DEMO_CLIP
from pipeline.core.geometry import Frame, crop_box
from pipeline.core.hashing import sha256_of_all
from pipeline.core.params import CameraParams, DemoParams, GeometryParams
from training import camera as cameras
from training.camera import clips, isp
from training.camera import sensor as camera
from training.camera.cameras import CAMERAS
from training.camera.drawn import Drawn, Take, draw_camera
from training.pictures import to_uint8

BARE_SENSOR = "bare_sensor"  # the camera of the first demo, to the byte
SENSOR_FPS = 60.0  # a camera exposes for a share of this time, however few of its frames are kept
BLOCK_FRAMES = 32  # that are in memory together; a camera's noise reduction through time begins again with each
MOVER_PX_PER_S = 150.0  # raw pixels, of what crosses before a still camera
MOVER_ELSEWHERE = 0.7  # where on the wall its surface is taken from, as a share of where the camera looks
RANGES = {
    "pan_px_per_s": (0.0, 160.0),  # raw pixels
    "shake_px": (0.0, 5.0),  # raw pixels
    "shake_hz": (0.7, 3.0),
    "zoom_per_s": (-0.04, 0.04),  # share of the zoom
    "tilt_rad": (-0.05, 0.05),
    "roll_rad": (-0.01, 0.01),  # about the tilt
}
Moment = tuple[Tensor, Tensor]  # pose (1, 4) at mid-exposure and velocity (1, 4) per second


@dataclass(frozen=True)
class SimulatedClip:
    """One clip of the simulated camera, a function of the seed and its index alone."""

    index: int
    seed: int
    size: tuple[int, int]  # (width, height) of raw frames
    frames: int
    fps: float
    geometry: GeometryParams
    kind: str = BARE_SENSOR  # a name in training/camera/cameras.py

    def generator(self, purpose: int) -> Generator:
        """Random numbers of their own for each purpose, so that one more draw here changes nothing there."""
        return Generator().manual_seed((self.seed * 1009 + self.index) * 17 + purpose)

    def settings(self) -> camera.Settings:
        """Lens, exposure, noise and compression of a bare sensor."""
        return camera.draw_settings(1, generator=self.generator(0))

    def drawn(self) -> Drawn:
        """Every setting of another camera; its corners are as bright as its middle, and its light is steady."""
        return replace(draw_camera(CAMERAS[self.kind], self.generator(0)), vignette=0.0, drift=0.0, bands=0.0)

    def motion(self) -> dict[str, float]:
        """How this clip's camera moves; every third one stands still."""
        still = self.index % 3 == 2
        shares = torch.rand(len(RANGES), generator=self.generator(1)).tolist()
        drawn = {
            name: low + (high - low) * share for (name, (low, high)), share in zip(RANGES.items(), shares, strict=True)
        }
        return {name: 0.0 if still and name != "tilt_rad" else round(value, 6) for name, value in drawn.items()}

    def truth_view(self) -> camera.View:
        """The raster of the truth: the geometry's cut-out of the raw frame at target size."""
        width, height = self.size
        box = crop_box(width, height, geometry=self.geometry)
        return camera.View(
            self.geometry.height,
            self.geometry.width,
            box.height / self.geometry.height,
            box.width / self.geometry.width,
            box.y + (box.height - height) / 2,
            box.x + (box.width - width) / 2,
        )

    def recipe(self) -> dict[str, Any]:
        """All that was drawn for this clip, as it is written down."""
        return {
            "camera": self.settings().values() if self.kind == BARE_SENSOR else written_down(self.drawn()),
            "kind": self.kind,
            "motion": self.motion(),
            "seed": self.seed,
            "target": list(self.geometry.target),
            "fit": self.geometry.fit,
            "code": code_version(),
        }

    def record(self) -> Iterator[tuple[Frame, Frame]]:
        """The raw frame (uint8) and the truth (uint8) of each moment."""
        return self._record_bare() if self.kind == BARE_SENSOR else self._record_processed()

    def _record_bare(self) -> Iterator[tuple[Frame, Frame]]:
        wall = hang_wall(self.generator(2))
        settings, noise, view = self.settings(), self.generator(3), self.truth_view()
        width, height = self.size
        for pose, velocity in self._moments(wall, view):
            steps = camera.steps_needed(velocity, shutter_s=settings.shutter_s, zoom=float(pose[0, 2]))
            path = camera.exposure_path(pose, velocity, shutter_s=settings.shutter_s, steps=steps)
            raw = camera.look(wall, path, settings, height=height, width=width, generator=noise)
            yield _to_frame(raw), _to_frame(camera.ideal(wall, pose, settings, view))

    def _record_processed(self) -> Iterator[tuple[Frame, Frame]]:
        """By a camera that processes its picture: all raw frames first, since a codec wants them together."""
        wall, drawn, view = hang_wall(self.generator(2)), self.drawn(), self.truth_view()
        moments = list(self._moments(wall, view))
        stored = np.concatenate(list(self._stored_uncoded(wall, moments, drawn)))
        for codec in drawn.codecs:
            stored = codec.apply(stored)
        for index, (pose, _) in enumerate(moments):
            light = clips.dimmed(self._seen(wall, pose[None], view, index), drawn)
            yield stored[index], _to_frame(isp.contrast(clips.encoded(light, drawn), drawn.contrast))

    def _stored_uncoded(self, wall: Tensor, moments: list[Moment], drawn: Drawn) -> Iterator[NDArray[np.uint8]]:
        """Raw frames (T, h, w, 3) before any codec, some at a time."""
        width, height = self.size
        fine, noise = camera.View(2 * height, 2 * width, 0.5, 0.5), self.generator(3)
        shutter_s = torch.tensor([drawn.shutter / SENSOR_FPS])
        for start in range(0, len(moments), BLOCK_FRAMES):
            gathered = []
            for index, (pose, velocity) in enumerate(moments[start : start + BLOCK_FRAMES], start):
                steps = camera.steps_needed(velocity, shutter_s=shutter_s, zoom=float(pose[0, 2]))
                path = camera.exposure_path(pose, velocity, shutter_s=shutter_s, steps=steps)
                light = self._seen(wall, path, fine, index)
                gathered.append(clips.gather(clips.dimmed(light, drawn), drawn))
            exposed = clips.exposed(torch.cat(gathered), drawn, noise, fixed=self.generator(5))
            frames = clips.processed(exposed, drawn, noise, size=(height, width))
            yield to_uint8(frames).permute(0, 2, 3, 1).contiguous().numpy()

    def _seen(self, wall: Tensor, path: Tensor, view: camera.View, index: int) -> Tensor:
        """Linear light (1, 3, h, w) on a raster, mean over `path` (1, T, 4); a disc crosses before still cameras."""
        light = camera.render(wall, path[0], view).mean(dim=0, keepdim=True).clamp_min(0)
        if self.index % 3 != 2:
            return light
        speed = (-MOVER_PX_PER_S / self.fps, MOVER_PX_PER_S / self.fps / 3)  # raw pixels per frame
        disc = Take(0, 0, 0, 0, (0, 0), (0, 0), mover_px=self.size[1] / 5, mover_speed=speed)
        times = torch.arange(self.frames, dtype=torch.float32)
        place = path[0].mean(dim=0, keepdim=True).clone()
        place[:, :2] = MOVER_ELSEWHERE * place[:, :2] + index * place[:, 2:3] * torch.tensor([speed])
        front = camera.render(wall, place, view).clamp_min(0)
        return torch.lerp(light, front, clips.mover_mask(times, disc, view)[index : index + 1])

    def _moments(self, wall: Tensor, view: camera.View) -> Iterator[Moment]:
        """Pose (1, 4) at mid-exposure and velocity (1, 4) per second, of each frame."""
        start, heading = self._start(wall, view)
        moves = self.motion()
        for index in range(self.frames):
            time_s = torch.tensor(index / self.fps, dtype=torch.float64, requires_grad=True)
            pose = _pose_at(time_s, start, heading, moves)
            velocity = [torch.autograd.grad(part, time_s, retain_graph=True, allow_unused=True)[0] for part in pose]
            yield (
                torch.stack([part.detach() for part in pose]).float()[None],
                torch.stack([torch.zeros_like(time_s) if part is None else part for part in velocity])
                .detach()
                .float()[None],
            )

    def _start(self, wall: Tensor, view: camera.View) -> tuple[tuple[float, float, float], float]:
        """Centre (scene pixels), zoom (scene pixels per raw pixel) and heading (radians) from which all stays sharp."""
        draw = torch.rand(4, generator=self.generator(4)).tolist()
        longest_s = self.frames / self.fps
        zoom = (
            (1 + 0.12 * draw[0]) / min(view.pitch_x, view.pitch_y) / (1 - 0.04 * longest_s if longest_s < 10 else 0.6)
        )
        centre = wall.shape[2] * (0.4 + 0.2 * draw[1]), wall.shape[1] * (0.4 + 0.2 * draw[2])
        return (*centre, zoom), 2 * math.pi * draw[3]


def written_down(drawn: Drawn) -> dict[str, Any]:
    """The settings as JSON gives them back: what is infinite, as the light of a sensor without noise, is null."""
    plain = {name: None if value == math.inf else value for name, value in asdict(drawn).items()}
    return {**plain, "codecs": [asdict(codec) for codec in drawn.codecs]}


@cache
def code_version() -> str:
    """Changes with the code of the simulated camera: clips of another version are recorded again."""
    files = [*sorted(Path(cameras.__path__[0]).glob("*.py")), Path(__file__)]
    return sha256_of_all(files)[:16]


def _pose_at(
    time_s: Tensor, start: tuple[float, float, float], heading: float, moves: dict[str, float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centre x and y, zoom and angle at a time: an even pan to and fro, a shake of two sines, a slow zoom."""
    x, y, zoom = start
    reach_px = 150.0
    travelled = reach_px * torch.sin(time_s * moves["pan_px_per_s"] / reach_px)
    swing = 2 * math.pi * moves["shake_hz"] * time_s
    shake_x = moves["shake_px"] * torch.sin(swing)
    shake_y = moves["shake_px"] * torch.sin(1.37 * swing + 1)
    drift = zoom * (1 + moves["zoom_per_s"] * 3 * torch.sin(time_s / 3))
    return (
        x + zoom * (travelled * math.cos(heading) + shake_x),
        y + zoom * (travelled * math.sin(heading) + shake_y),
        drift,
        moves["tilt_rad"] + moves["roll_rad"] * torch.sin(time_s),
    )


def _to_frame(picture: Tensor) -> Frame:
    return to_uint8(picture)[0].permute(1, 2, 0).contiguous().numpy()


def simulated_clips(
    demo: DemoParams, *, seed: int, asked: CameraParams, geometry: GeometryParams
) -> dict[str, SimulatedClip]:
    """The clips of the demo by name; each camera has moving and still ones."""
    size, kinds = (asked.width, asked.height), demo.cameras
    return {
        f"{DEMO_CLIP}{index:02d}": SimulatedClip(
            index, seed, size, demo.frames, demo.fps, geometry, kinds[(index + index // 3) % len(kinds)]
        )
        for index in range(demo.clips)
    }
