"""What baseline JPEG does to a picture, as tensor functions: the last thing that happens inside a webcam.

Tables and steps: ITU-T T.81, annex K; the meaning of "quality" is that of the Independent JPEG Group's library.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
)
RGB_TO_YCBCR = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


def jpeg(frames: Tensor, *, quality: Tensor) -> Tensor:
    """Compress and decompress `frames` (N, 3, H, W) in 0..1 at `quality` (N,) in 1..100, chroma at half size.

    Gives (N, 3, H, W) on the 256 levels of an 8-bit picture.
    """
    height, width = frames.shape[-2:]
    padded = F.pad(_to_8_bit(frames), (0, -width % 16, 0, -height % 16), mode="replicate")
    matrix = torch.tensor(RGB_TO_YCBCR, dtype=frames.dtype, device=frames.device)
    ycbcr = torch.einsum("dc,nchw->ndhw", matrix, padded * 255)
    luma = _quantise(ycbcr[:, :1] - 128, table=_table(LUMA_TABLE, quality)) + 128
    half = _quantise(F.avg_pool2d(ycbcr[:, 1:], 2), table=_table(CHROMA_TABLE, quality))
    chroma = F.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False)
    rgb = torch.einsum("dc,nchw->ndhw", torch.linalg.inv(matrix), torch.cat((luma, chroma), dim=1))
    return _to_8_bit(rgb[..., :height, :width] / 255)


def _to_8_bit(frames: Tensor) -> Tensor:
    return (frames.clamp(0, 1) * 255).round() / 255


def _table(base: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Quantisation steps (N, 1, 1, 1, 8, 8) for `quality` (N,)."""
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    steps = torch.tensor(base, dtype=quality.dtype, device=quality.device) * scale[:, None, None]
    return ((steps + 50) / 100).floor().clamp(1, 255)[:, None, None, None]


def _dct_matrix(like: Tensor) -> Tensor:
    """The orthonormal 8-point DCT-II, rows are frequencies."""
    k = torch.arange(8, dtype=like.dtype, device=like.device)
    matrix = torch.cos(math.pi * (2 * k[None] + 1) * k[:, None] / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


def _quantise(plane: Tensor, *, table: Tensor) -> Tensor:
    """Round the 8x8 DCT coefficients of `plane` (N, C, H, W) to multiples of `table`."""
    n, c, height, width = plane.shape
    dct = _dct_matrix(plane)
    blocks = plane.reshape(n, c, height // 8, 8, width // 8, 8).transpose(3, 4)  # (N, C, rows, columns, 8, 8)
    coefficients = ((dct @ blocks @ dct.T) / table).round() * table
    return (dct.T @ coefficients @ dct).transpose(3, 4).reshape(n, c, height, width)
