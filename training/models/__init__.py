"""The networks. To add one: a file, and a line in the table; the tests pick it up from there."""

from collections.abc import Callable

from torch import nn

from training.models.nafnet import NAFNet
from training.models.nafssr import NAFSSR
from training.models.restorer import Restorer
from training.models.srvgg import SRVGG
from training.models.student import student_l, student_m, student_original, student_s

MODELS: dict[str, Callable[..., nn.Module]] = {
    "nafnet": NAFNet,
    "nafssr": NAFSSR,
    "restorer": Restorer,
    "srvgg": SRVGG,
    "student_s": student_s,
    "student_m": student_m,
    "student_l": student_l,
    "student_original": student_original,
}
