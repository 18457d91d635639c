"""Channel means over the whole map or over a window around each pixel: the test-time local converter (TLC).

Chu, Chen, Chen, Lu: "Improving Image Restoration by Revisiting Global Information Aggregation", ECCV 2022,
arXiv 2112.04491. A network that learned on small crops knows the statistics of small crops; a mean over a
whole frame is something it never saw. A window 1.5 times the training size brings the familiar ones back.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Size = tuple[int, int]  # (height, width)


class ChannelMean(nn.Module):
    """Mean of every channel, summed in fp32 whatever the input: half precision has too few digits for it.

    Without a window, or with one that covers the map, the result is (N, C, 1, 1). Else it is the valid part
    of the box mean, (N, C, H - h + 1, W - w + 1), which `spread` brings back to H x W: what is computed per
    pixel from the means, such as a 1x1 convolution, is cheaper before that.
    """

    def __init__(self, *, window_px: Size | None = None) -> None:
        super().__init__()
        self.window_px = window_px

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        height, width = x.shape[-2:]
        if self.window_px is None or (self.window_px[0] >= height and self.window_px[1] >= width):
            return x.mean((2, 3), keepdim=True, dtype=torch.float32).to(x.dtype)
        window_px = min(self.window_px[0], height), min(self.window_px[1], width)
        return box_mean(x, window_px=window_px).to(x.dtype)

    def extra_repr(self) -> str:
        return f"window_px={self.window_px}"


def local_window(*, train_px: Size, level: int = 0, multiple_px: int = 1) -> Size:
    """Window on the maps of `level` (each halves the size) of a network trained on crops of `train_px`.

    The official converter finds these numbers by running a random picture of the training size through the
    network, which pads it to a multiple of `multiple_px`; they are only this arithmetic, floors included.
    """
    height, width = (_side(px, level=level, multiple_px=multiple_px) for px in train_px)
    return height, width


def _side(train_px: int, *, level: int, multiple_px: int) -> int:
    padded_px = -(-train_px // multiple_px) * multiple_px
    return (padded_px >> level) * int(1.5 * train_px) // train_px


def box_mean(x: Tensor, *, window_px: Size) -> Tensor:
    """fp32 mean over each window that lies whole in the map: (N, C, H, W) to (N, C, H - h + 1, W - w + 1)."""
    # Across first: down the columns, where channels_last is slow, there is then less left to do.
    return _running_mean(_running_mean(x, window=window_px[1], dim=3), window=window_px[0], dim=2)


def _running_mean(x: Tensor, *, window: int, dim: int) -> Tensor:
    """Mean over `window` neighbours along `dim`, each from the last: add what enters, subtract what leaves.

    The sums stay as small as one window. An integral image holds sums over the whole map instead, of which
    fp32 keeps too few digits at the far corner: at 480x640 it errs by up to 3e-5, this by 1e-6.
    """
    size = x.shape[dim]
    steps = x.narrow(dim, window - 1, size - window + 1).to(torch.float32, copy=True)
    steps.narrow(dim, 1, size - window).sub_(x.narrow(dim, 0, size - window))
    steps.select(dim, 0).copy_(x.narrow(dim, 0, window).sum(dim, dtype=torch.float32))
    return steps.cumsum_(dim).div_(window)


def spread(means: Tensor, *, size: Size) -> Tensor:
    """Bring a map of window means, or what was made of it per pixel, to what broadcasts to `size`.

    A pixel near the border takes the nearest window that lies whole in the map.
    """
    (height, width), (valid_height, valid_width) = size, means.shape[-2:]
    missing_rows = height - valid_height if valid_height > 1 else 0
    missing_columns = width - valid_width if valid_width > 1 else 0
    if not missing_rows and not missing_columns:
        return means
    left, top = missing_columns // 2, missing_rows // 2
    return F.pad(means, (left, missing_columns - left, top, missing_rows - top), mode="replicate")
