"""A pool of simulated frames in memory, the oldest replaced as training goes on: a frame costs more than its crops.

Chunks are kept on disk, too, where a folder is given: networks that learn from the same frames share the work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from training.camera.cameras import CAMERAS
from training.camera.clips import Clip, record
from training.camera.drawn import draw_camera, draw_take
from training.files import whole_file
from training.models.dials import DIALS
from training.restoration import busiest, crop_scenes, random_crop, seeded
from training.scenes import altered

SCENES, CROPS = 0, 1  # purposes of random numbers
NOISE = DIALS.index("noise")
KEPT = 2  # frames of a clip, the last ones: they are like those of a long one
LONE_SHARE = 0.4  # of the clips with dials as they are read: they are read by themselves, like a lone picture

Fuse = Callable[[Tensor, float], Tensor]  # of a clip's frames (T, 3, h, w) uint8 and the dial for noise
Read = Callable[[Tensor], Tensor]  # of frames (N, 3, h, w) uint8 of one camera: the dials (4,) that are found in them


class Chunk(NamedTuple):
    """Frames of clips, one clip after another: raw (F, 3, px, px) and truth (F, 3, 2px, 2px) uint8, dials (F, 4)."""

    raw: Tensor
    truth: Tensor
    dials: Tensor


class Batch(NamedTuple):
    """Crops to learn from: raw (N, 3, px, px) and truth (N, 3, 2px, 2px) in 0..1, and the dials (N, 4)."""

    raw: Tensor
    truth: Tensor
    dials: Tensor


@dataclass
class Pool:
    """Chunks of frames; what it holds is a function of the seed and the newest chunk's index alone."""

    photos: list[Tensor]  # each (3, H, W) uint8
    shares: Mapping[str, float]  # how often each camera of CAMERAS is drawn
    seed: int
    frame_px: int
    scene_px: int
    chunk_clips: int
    scenes_per_camera: int
    most_chunks: int
    device: torch.device
    folder: Path | None = None
    fuse: Fuse | None = None  # what is done to a stream before a student sees it
    fused_share: float = 0.0  # of the clips: the others are seen as lone pictures are
    read: Read | None = None  # the dials, where a student is not told what the camera really did
    estimated_share: float = 0.0  # of the clips, whose dials are those that are read
    sharpened_share: float = 0.0  # of the scenes were sharpened before the camera saw them, as photographs are
    shrunk_share: float = 0.0  # of them were made smaller before, as most photographs are that people see
    softened_share: float = 0.0  # of them are out of focus all over, as the surroundings of a close-up are
    chunks: dict[int, Chunk] = field(default_factory=dict)

    def reach(self, newest: int) -> None:
        """Hold the last `most_chunks` chunks up to index `newest`; make those that are missing."""
        wanted = range(max(0, newest + 1 - self.most_chunks), newest + 1)
        self.chunks = {index: self.chunks.get(index) or self.chunk(index) for index in wanted}

    def chunk(self, index: int) -> Chunk:
        """The chunk of that index, from disk if it was made before."""
        if self.folder is None:
            return self._make(index)
        file = self.folder / f"{index:06d}.pt"
        if file.is_file():
            return Chunk(*torch.load(file, weights_only=True))
        chunk = self._make(index)
        with whole_file(file) as partial, partial.open("wb") as opened:  # several may make it at once
            torch.save(tuple(chunk), opened)
        return chunk

    def _make(self, index: int) -> Chunk:
        generator = seeded(self.seed, SCENES, index)
        count, shrunk_share = self.chunk_clips + 1, self.shrunk_share
        scenes = crop_scenes(self.photos, count, scene_px=self.scene_px, shrunk_share=shrunk_share, generator=generator)
        if self.sharpened_share or self.softened_share:
            shares = {"sharpened_share": self.sharpened_share, "softened_share": self.softened_share}
            scenes = torch.stack([altered(scene, **shares, generator=generator) for scene in scenes])
        names, clips = list(self.shares), []
        weights = torch.tensor([self.shares[name] for name in names])
        for number in range(self.chunk_clips):
            if number % self.scenes_per_camera == 0:
                camera = CAMERAS[names[int(torch.multinomial(weights, 1, generator=generator))]]
                drawn = draw_camera(camera, generator)
            take = draw_take(camera, drawn, generator)
            clips.append(record(scenes[number], scenes[number + 1], take, drawn, px=self.frame_px, generator=generator))
        return Chunk(
            torch.cat([self._seen(clip, generator)[-KEPT:] for clip in clips]),
            torch.cat([clip.truth[-KEPT:] for clip in clips]),
            torch.cat([dials.expand(KEPT, -1) for dials in self._told(clips, generator)]),
        )

    def _told(self, clips: list[Clip], generator: Generator) -> list[Tensor]:
        """The dials (4,) that a student is told for each clip: what the camera did, or what is read in its frames."""
        if self.read is None:
            return [clip.dials for clip in clips]
        told = []
        for number, clip in enumerate(clips):
            estimated, lone = torch.rand(2, generator=generator).tolist()
            if estimated >= self.estimated_share:
                told.append(clip.dials)
                continue
            first = number - number % self.scenes_per_camera
            seen = [clip] if lone < LONE_SHARE else clips[first : first + self.scenes_per_camera]
            told.append(self.read(torch.cat([each.raw[-1:] for each in seen])))
        return told

    def _seen(self, clip: Clip, generator: Generator) -> Tensor:
        """The frames of `clip` as a student gets them."""
        if self.fuse is None or float(torch.rand(1, generator=generator)) >= self.fused_share:
            return clip.raw
        return self.fuse(clip.raw, float(clip.dials[NOISE]))

    def batch(self, step: int, *, size: int, crop_px: int, candidates: int) -> Batch:
        """The crops of training step `step`; each is the busiest of `candidates` drawn at random."""
        generator = seeded(self.seed, CROPS, step)
        drawn = [
            busiest((self._draw(crop_px, generator) for _ in range(candidates)), picture=lambda crop: crop.truth)
            for _ in range(size)
        ]
        raw, truth, dials = (torch.stack(part).to(self.device) for part in zip(*drawn, strict=True))
        return Batch(raw.float() / 255, truth.float() / 255, dials)

    def _draw(self, crop_px: int, generator: torch.Generator) -> Chunk:
        held = list(self.chunks.values())
        per_chunk = len(held[0].raw)
        number = int(torch.randint(len(held) * per_chunk, (1,), generator=generator))
        chunk, frame = held[number // per_chunk], number % per_chunk
        raw, truth = random_crop(chunk.raw[frame], chunk.truth[frame], crop_px=crop_px, generator=generator)
        return Chunk(raw, truth, chunk.dials[frame])
