"""NAFNet, the U-shaped network that takes away noise or motion blur at the size of its input.

Chen, Chu, Zhang, Sun: "Simple Baselines for Image Restoration", ECCV 2022, arXiv 2204.04676.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from training.models.local_mean import Size, local_window
from training.models.naf_block import NAFBlock


class NAFNet(nn.Module):
    """(N, 3, H, W) RGB in 0..1 to the same size, not clamped; any H and W.

    `enc_blk_nums` and `dec_blk_nums` count the blocks per level, each level at half the size and twice the
    channels of the one before. `tlc_px`, the (height, width) of the training crops, switches the local
    converter on. Parameter names are those of the official checkpoints.
    """

    def __init__(
        self,
        *,
        width: int,
        enc_blk_nums: Sequence[int],
        middle_blk_num: int,
        dec_blk_nums: Sequence[int],
        tlc_px: Size | None = None,
    ) -> None:
        super().__init__()
        levels = len(enc_blk_nums)
        if len(dec_blk_nums) != levels:
            raise ValueError(f"{levels} encoder levels, but {len(dec_blk_nums)} decoder levels")
        self.multiple_px = 2**levels

        def blocks(count: int, *, level: int) -> nn.Sequential:
            window_px = tlc_px and local_window(train_px=tlc_px, level=level, multiple_px=self.multiple_px)
            return nn.Sequential(*(NAFBlock(width << level, window_px=window_px) for _ in range(count)))

        self.intro = nn.Conv2d(3, width, 3, padding=1)
        self.ending = nn.Conv2d(width, 3, 3, padding=1)
        self.encoders = nn.ModuleList(blocks(count, level=level) for level, count in enumerate(enc_blk_nums))
        self.downs = nn.ModuleList(_halve(width << level) for level in range(levels))
        self.middle_blks = blocks(middle_blk_num, level=levels)
        self.ups = nn.ModuleList(_double(width << level) for level in range(levels, 0, -1))
        self.decoders = nn.ModuleList(blocks(count, level=levels - 1 - step) for step, count in enumerate(dec_blk_nums))

    def forward(self, frame: Tensor) -> Tensor:
        height, width = frame.shape[-2:]
        right, below = -width % self.multiple_px, -height % self.multiple_px
        padded = F.pad(frame, (0, right, 0, below))
        residual: Tensor = self.ending(self._u_shape(self.intro(padded)))
        return (residual + padded)[..., :height, :width]

    def _u_shape(self, x: Tensor) -> Tensor:
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            skips.append(encoder(x))
            x = down(skips[-1])
        x = self.middle_blks(x)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            x = decoder(up(x) + skips.pop())  # popped, so that a skip's memory is free once it is used
        return x


def _halve(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, 2 * channels, 2, stride=2)


def _double(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, 2 * channels, 1, bias=False), nn.PixelShuffle(2))
