"""NAFSSR, which enlarges a stereo pair; one camera goes through it alone or as both views of a pair.

Chu, Chen, Yu: "NAFSSR: Stereo Image Super-Resolution Using NAFNet", CVPR Workshops 2022, arXiv 2204.08714.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.local_mean import Size, local_window
from training.models.naf_block import LayerNorm2d, NAFBlock

RGB = 3


class NAFSSR(nn.Module):
    """(N, 3 * views, H, W) RGB in 0..1 to the same `up_scale` times as large, not clamped; any H and W.

    With `views=2` the first three channels are the left view and the last three the right one, rectified so
    that what they share lies on the same row. With `views=1` there is no cross-view fusion, and the `fusion`
    weights of an official checkpoint have no place. `tlc_px`, the (height, width) of the training crops
    before enlargement, switches the local converter on. Stochastic depth, a matter of training, is left out.
    """

    def __init__(self, *, up_scale: int, width: int, num_blks: int, views: int = 1, tlc_px: Size | None = None) -> None:
        super().__init__()
        if views not in (1, 2):
            raise ValueError(f"one view or two, found {views}")
        self.up_scale = up_scale
        self.views = views
        window_px = tlc_px and local_window(train_px=tlc_px)
        self.intro = nn.Conv2d(RGB, width, 3, padding=1)
        self.body = nn.ModuleList(_Shell(_Block(width, views=views, window_px=window_px)) for _ in range(num_blks))
        self.up = nn.Sequential(
            nn.Conv2d(width, RGB * up_scale**2, 3, padding=1),
            nn.PixelShuffle(up_scale),
        )

    def forward(self, frame: Tensor) -> Tensor:
        views = [self.intro(view) for view in frame.chunk(self.views, dim=1)]
        for block in self.body:
            views = block(views)
        residual = torch.cat([self.up(view) for view in views], dim=1)
        return residual + F.interpolate(frame, scale_factor=self.up_scale, mode="bilinear", align_corners=False)


def same_view_twice(model: NAFSSR, frame: Tensor) -> Tensor:
    """One camera's frame (N, 3, H, W) as both views of a two-view network, and the mean of the two results.

    A pair without disparity is what such a network knows of things far away. The views come out different,
    since each has weights of its own, and neither is the better one.
    """
    left, right = model(torch.cat([frame, frame], dim=1)).chunk(2, dim=1)
    mean: Tensor = (left + right) / 2
    return mean


class _Shell(nn.Module):
    """Adds `.module` to the parameter names: in the official checkpoints the wrapper for stochastic depth."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        result: list[Tensor] = self.module(views)
        return result


class _Block(nn.Module):
    """One NAFBlock, shared by the views, then the exchange between them."""

    def __init__(self, channels: int, *, views: int, window_px: Size | None) -> None:
        super().__init__()
        self.blk = NAFBlock(channels, window_px=window_px)
        self.fusion = StereoAttention(channels) if views == 2 else None

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        views = [self.blk(view) for view in views]
        return views if self.fusion is None else list(self.fusion(*views))


class StereoAttention(nn.Module):
    """Stereo cross attention (SCAM): each pixel looks along its row in the other view."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.norm_l = LayerNorm2d(channels)
        self.norm_r = LayerNorm2d(channels)
        self.l_proj1 = nn.Conv2d(channels, channels, 1)
        self.r_proj1 = nn.Conv2d(channels, channels, 1)
        self.l_proj2 = nn.Conv2d(channels, channels, 1)
        self.r_proj2 = nn.Conv2d(channels, channels, 1)

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:  # (N, C, H, W) each
        left_key, right_key = self.l_proj1(self.norm_l(left)), self.r_proj1(self.norm_r(right))
        from_right = attend_along_rows(left_key, right_key, self.r_proj2(right))
        from_left = attend_along_rows(right_key, left_key, self.l_proj2(left))
        return torch.addcmul(left, from_right, self.beta), torch.addcmul(right, from_left, self.gamma)


def attend_along_rows(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(q k / sqrt(C)) v within every row, (N, C, H, W) each, never storing the W x W weights of a row.

    The official code computes the products once and transposes them for the other direction, which needs
    0.8 GB at 480x640; computing them twice costs less than moving that.
    """
    query, key, value = (x.permute(0, 2, 3, 1) for x in (query, key, value))  # (N, H, W, C): a row is a head
    return F.scaled_dot_product_attention(query, key, value).permute(0, 3, 1, 2)
