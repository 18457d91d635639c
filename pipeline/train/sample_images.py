"""The pictures of a training: the same cut-outs of a few validation frames, as the student gave them epoch by epoch."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from pipeline.core.clips import of_each_clip
from pipeline.core.frames import write_frame
from pipeline.core.geometry import Frame
from pipeline.student.dials import Dials
from pipeline.student.engines import to_batch, to_frame
from pipeline.tracking.run import SAMPLES, Run
from pipeline.train.clip_dials import NO_DIALS, ClipDials, clip_of
from pipeline.train.decoded_frames import DecodedFrames

FRAMES = 3
SIDE_PX = 320  # of a cut-out at target size
EPOCHS_SHOWN = 12  # of a whole training, at most


@dataclass(frozen=True)
class Pictures:
    """Logs samples/<clip>-<stem>/{bicubic,teacher,epoch-0003,best}.png to a run, each as soon as it is there."""

    run: Run
    cuts: dict[str, tuple[Frame, Frame]]  # <clip>-<stem> -> what the student sees, the teacher's picture
    folder: Path  # where they are on their way
    epochs: int
    dials: dict[str, Dials] = field(default_factory=dict)  # of the same names, for a student that takes some

    def log_references(self) -> None:
        """What the student's pictures are compared with."""
        for name, (small, target) in self.cuts.items():
            height, width = target.shape[:2]
            self._log(name, "bicubic", np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)))
            self._log(name, "teacher", target)

    def log_epoch(self, model: nn.Module, epoch: int) -> None:
        """What the student gives after `epoch`, if that is one of those shown."""
        if epoch % math.ceil(self.epochs / EPOCHS_SHOWN) == 0:
            self.log(model, f"epoch-{epoch:04d}")

    @torch.inference_mode()
    def log(self, model: nn.Module, title: str) -> None:
        """What the student gives now."""
        device = next(model.parameters()).device
        for name, (small, _) in self.cuts.items():
            dials = [torch.tensor([self.dials[name]], device=device)] if name in self.dials else []
            answer = model(torch.from_numpy(to_batch(small)).to(device), *dials)
            self._log(name, title, to_frame(answer.float().cpu().numpy()))

    def _log(self, name: str, title: str, picture: Frame) -> None:
        file = self.folder / f"{title}.png"
        write_frame(file, picture)
        self.run.log_artifact(file, folder=f"{SAMPLES}/{name}")
        file.unlink()


def pictures_of(
    validation: DecodedFrames, run: Run, *, folder: Path, epochs: int, dials: ClipDials = NO_DIALS
) -> Pictures:
    """The middle of a few frames, of as many clips as can be; always the same for the same frames.

    `dials` are those of the clips, for a student that takes some.
    """
    places = of_each_clip([(clip_of(name), name) for name in validation.names], FRAMES)
    names = {name.replace("/", "-"): validation.names.index(name) for _, name in places}
    cuts = {name: cut(validation.input(i), validation.target(i)) for name, i in names.items()}
    told = {name: dials[clip_of(validation.names[i])] for name, i in names.items()} if dials else {}
    return Pictures(run, cuts, folder, epochs, told)


def cut(small: Frame, target: Frame) -> tuple[Frame, Frame]:
    """The middle of what the student sees (h, w, 3), and the same place of its target (H, W, 3)."""
    scale = target.shape[0] // small.shape[0]
    height, width = (min(SIDE_PX // scale, side) // 2 * 2 for side in small.shape[:2])
    y, x = (small.shape[0] - height) // 2, (small.shape[1] - width) // 2
    inside = target[scale * y : scale * (y + height), scale * x : scale * (x + width)]
    return small[y : y + height, x : x + width], inside
