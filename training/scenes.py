"""What photographs are before a camera sees them: sharpened by another one, or out of focus all over.

That is no fault of the camera that is simulated: the truth has it as well, and it is to be kept.
"""

from torch import Generator, Tensor

from training.camera import isp
from training.camera.drawn import Dice
from training.pictures import to_uint8

SHARPENING, SHARPENING_PX = (0.2, 1.2), (0.5, 1.3)  # amount and radius of an unsharp mask, pixels of the photograph
SOFTNESS_PX = (1.5, 12.0)  # standard deviation: close-ups are as soft as that all over


def altered(scene: Tensor, *, sharpened_share: float, softened_share: float, generator: Generator) -> Tensor:
    """`scene` (3, S, S) uint8, in these shares of all cases sharpened or softened."""
    dice = Dice(generator)
    kind, light = dice.share(), scene[None] / 255
    if kind < sharpened_share:
        light = isp.sharpen(light, amount=dice.even(SHARPENING), radius_px=dice.even(SHARPENING_PX))
    elif kind < sharpened_share + softened_share:
        light = isp.soften(light, dice.logarithmic(SOFTNESS_PX))
    else:
        return scene
    return to_uint8(light)[0]
