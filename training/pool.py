"""A pool of simulated frames in memory, the oldest replaced as training goes on: a frame costs more than its crops."""

from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from training.restoration import Shots, busiest, crop_pair, crop_scenes, seeded, shoot

SCENES, CROPS = 0, 1  # purposes of random numbers


@dataclass
class Pool:
    """Chunks of raw frames and truths; what it holds is a function of the seed and the newest chunk's index alone."""

    photos: list[Tensor]  # each (3, H, W) uint8
    shots: Shots
    seed: int
    frame_px: int
    scene_px: int
    chunk_frames: int
    most_chunks: int
    device: torch.device
    chunks: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def reach(self, newest: int) -> None:
        """Hold the last `most_chunks` chunks up to index `newest`; make those that are missing."""
        wanted = range(max(0, newest + 1 - self.most_chunks), newest + 1)
        self.chunks = {index: self.chunks.get(index) or self._make(index) for index in wanted}

    def _make(self, index: int) -> tuple[Tensor, Tensor]:
        generator = seeded(self.seed, SCENES, index)
        scenes = crop_scenes(self.photos, self.chunk_frames, scene_px=self.scene_px, generator=generator)
        return shoot(scenes.to(self.device), shots=self.shots, frame_px=self.frame_px, generator=generator)

    def batch(self, step: int, *, size: int, crop_px: int, candidates: int) -> tuple[Tensor, Tensor]:
        """The crops of training step `step`, (size, 3, crop_px, crop_px) and twice that, float in 0..1.

        Each is the busiest of `candidates` drawn at random.
        """
        generator = seeded(self.seed, CROPS, step)
        pairs = []
        for _ in range(size):
            drawn = [self._draw(crop_px, generator) for _ in range(candidates)]
            pairs.append(busiest(drawn))
        raws, truths = zip(*pairs, strict=True)
        return torch.stack(raws).float() / 255, torch.stack(truths).float() / 255

    def _draw(self, crop_px: int, generator: Generator) -> tuple[Tensor, Tensor]:
        held = list(self.chunks.values())
        number = int(torch.randint(len(held) * self.chunk_frames, (1,), generator=generator))
        raw, truth = held[number // self.chunk_frames]
        frame = number % self.chunk_frames
        return crop_pair(raw[frame], truth[frame], crop_px=crop_px, generator=generator)
