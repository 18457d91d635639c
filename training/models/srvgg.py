"""The compact network of realesr-general-x4v3: plain convolutions add what nearest-neighbour scaling lacks.

Wang, Xie, Dong, Shan: "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data",
ICCV Workshops 2021, arXiv 2107.10833; the network came with a later release of that project.
"""

import torch.nn.functional as F
from torch import Tensor, nn

RGB = 3


class SRVGG(nn.Module):
    """(N, 3, H, W) RGB in 0..1 to (N, 3, upscale * H, upscale * W), not clamped; any H and W.

    `num_conv` counts the convolutions between the first and the last. Parameter names are the official ones.
    """

    def __init__(self, *, num_feat: int, num_conv: int, upscale: int) -> None:
        super().__init__()
        self.upscale = upscale
        layers: list[nn.Module] = [nn.Conv2d(RGB, num_feat, 3, padding=1), nn.PReLU(num_feat)]
        for _ in range(num_conv):
            layers += [nn.Conv2d(num_feat, num_feat, 3, padding=1), nn.PReLU(num_feat)]
        layers.append(nn.Conv2d(num_feat, RGB * upscale**2, 3, padding=1))
        self.body = nn.Sequential(*layers)

    def forward(self, frame: Tensor) -> Tensor:
        residual = F.pixel_shuffle(self.body(frame), self.upscale)
        return residual + F.interpolate(frame, scale_factor=self.upscale, mode="nearest")
