"""The students: small ResNet-style networks that do super-resolution, deblurring and denoising in one pass.

Each has two forms, as measured (docs/ablation.md). For a camera's frames the body works at half the input's size: the
first convolution takes squares of pixels in strides, which gives a network of the same cost a larger view of blur and
noise. For clean pictures (`clean=True`) it works at the input's size, where no detail has to pass through fewer values
than it has pixels. The picture leaves through one pixel shuffle (ESPCN, Shi et al. 2016). The skip is folded in before
that shuffle, where it costs one small convolution instead of a resize and an addition at output size.
"""

from collections.abc import Callable
from copy import deepcopy
from itertools import repeat

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.dials import DialPerceptron, straight

SCALE = 2
Modulate = Callable[[Tensor], Tensor]  # of what a convolution gives, before its activation


class Residual(nn.Module):
    """Two 3x3 convolutions and the way around them (EDSR, Lim et al. 2017: no normalisation).

    `rectified` puts a ReLU behind the sum, as the first ResNet had it (He et al. 2016).
    """

    def __init__(self, channels: int, *, rectified: bool = False) -> None:
        super().__init__()
        self.rectified = rectified
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, first: Modulate = straight, second: Modulate = straight) -> Tensor:
        changed: Tensor = x + second(self.second(torch.relu(first(self.first(x)))))
        return torch.relu(changed) if self.rectified else changed


class StudentSR(nn.Module):
    """(N, 3, H, W) in 0..1 to (N, 3, 2H, 2W), not clamped; any H and W.

    Narrow and deep rather than wide: at the same speed it is better, and engines compute channels by sixteen.

    `channels` and `blocks` size the body; `fold` is the side of the squares of pixels that it takes as one (1: body at
    input size, 2: at half size); `rectified` is that of its blocks. With `dials` it is a function of the camera, too
    (training.models.dials); `folded` gives the network of fixed dials, which costs no more than one without.
    """

    def __init__(self, *, channels: int, blocks: int, fold: int, rectified: bool = False, dials: bool = False) -> None:
        super().__init__()
        self.fold = fold
        shuffled = 3 * (SCALE * fold) ** 2
        self.head = _strided(channels, fold=fold)
        self.body = nn.Sequential(*(Residual(channels, rectified=rectified) for _ in range(blocks)))
        self.tail = nn.Conv2d(channels, shuffled, 3, padding=1)
        self.skip = _strided(shuffled, fold=fold)
        widths = [convolution.out_channels for _, convolution in self.modulated()]
        self.dials = DialPerceptron(widths) if dials else None
        start_as_bilinear(self)

    def modulated(self) -> list[tuple[str, nn.Conv2d]]:
        """The convolutions that dials act on, by name, in the order in which they compute."""
        layers = ((name, layer) for name, layer in self.named_modules() if isinstance(layer, nn.Conv2d))
        return [(name, layer) for name, layer in layers if name != "skip"]

    def forward(self, x: Tensor, dials: Tensor | None = None) -> Tensor:
        """The picture; `dials` (N, 4) or (1, 4) in 0..1 describe the camera, None: the neutral setting."""
        turns = repeat(straight) if dials is None or self.dials is None else self.dials(dials)
        height, width = x.shape[-2:]
        whole = pad_to_multiple(x, self.fold)
        features = torch.relu(next(turns)(self.head(whole)))
        for block in self.body:
            features = block(features, next(turns), next(turns))
        picture = F.pixel_shuffle(next(turns)(self.tail(features)) + self.skip(whole), SCALE * self.fold)
        return picture if whole is x else picture[..., : SCALE * height, : SCALE * width]

    @torch.no_grad()
    def folded(self, dials: Tensor) -> "StudentSR":
        """A copy without dials whose weights are those of `dials` (4,): the same pictures at the same cost."""
        plain = deepcopy(self)
        plain.dials = None
        if self.dials is not None:
            for (_, convolution), (factor, offset) in zip(plain.modulated(), self.dials(dials[None]), strict=True):
                convolution.weight.mul_(factor.view(-1, 1, 1, 1))
                # torch's stubs do not know that these convolutions have a bias
                convolution.bias.mul_(factor.view(-1)).add_(offset.view(-1))  # type: ignore[union-attr]
        return plain


def _strided(channels: int, *, fold: int) -> nn.Conv2d:
    """A convolution that takes each square of `fold` pixels and one pixel around it."""
    return nn.Conv2d(3, channels, fold + 2, stride=fold, padding=1)


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """`x` (N, C, H, W) with its last row and column repeated until both sides are multiples; itself if they are."""
    height, width = x.shape[-2:]
    if height % multiple == 0 and width % multiple == 0:
        return x
    return F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")


@torch.no_grad()
def start_as_bilinear(student: StudentSR) -> None:
    """Set the skip to a bilinear enlargement, and the tail to nothing, so that training starts from a picture."""
    fold = student.fold
    side = fold + 2
    impulses = torch.eye(3 * side * side).reshape(-1, 3, side, side)
    enlarged = F.interpolate(impulses, scale_factor=SCALE, mode="bilinear", align_corners=False)
    middle = enlarged[..., SCALE:-SCALE, SCALE:-SCALE]
    answers = F.pixel_unshuffle(middle, SCALE * fold).reshape(3, side, side, -1)
    student.skip.weight.copy_(answers.permute(3, 0, 1, 2))
    for parameter in (student.skip.bias, student.tail.weight, student.tail.bias):
        if parameter is not None:
            parameter.zero_()


class OriginalStudent(nn.Module):
    """The original student: bilinear enlargement first, then 64 channels and 8 residual blocks at output size."""

    def __init__(self, *, channels: int, blocks: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(Residual(channels) for _ in range(blocks)))
        self.tail = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        enlarged = F.interpolate(x, scale_factor=SCALE, mode="bilinear", align_corners=False)
        features = self.body(torch.relu(self.head(enlarged)))
        picture: Tensor = enlarged + self.tail(features)
        return picture


def student_s(*, clean: bool = False, dials: bool = False) -> StudentSR:
    """The smallest."""
    if clean:
        return for_clean_pictures(channels=16, blocks=3, dials=dials)
    return for_camera_frames(channels=16, blocks=4, dials=dials)


def student_m(*, clean: bool = False, dials: bool = False) -> StudentSR:
    """The default."""
    if clean:
        return for_clean_pictures(channels=32, blocks=3, dials=dials)
    return for_camera_frames(channels=32, blocks=4, dials=dials)


def student_l(*, clean: bool = False, dials: bool = False) -> StudentSR:
    """The best."""
    if clean:
        return for_clean_pictures(channels=32, blocks=6, dials=dials)
    return for_camera_frames(channels=32, blocks=8, dials=dials)


def for_camera_frames(*, channels: int, blocks: int, dials: bool = False) -> StudentSR:
    """The form that sees most."""
    return StudentSR(channels=channels, blocks=blocks, fold=2, dials=dials)


def for_clean_pictures(*, channels: int, blocks: int, dials: bool = False) -> StudentSR:
    """The form that keeps most detail."""
    return StudentSR(channels=channels, blocks=blocks, fold=1, rectified=True, dials=dials)


def student_original() -> OriginalStudent:
    """The reference that the others are measured against: 18 convolutions at output size."""
    return OriginalStudent(channels=64, blocks=8)
