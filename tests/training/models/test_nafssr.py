import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from training.models.nafssr import NAFSSR, attend_along_rows


class LargestTensor(TorchDispatchMode):
    """Remembers how many numbers the largest tensor holds that any operation gives."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        outputs = result if isinstance(result, tuple) else (result,)
        self.numbers = max([self.numbers, *(x.numel() for x in outputs if isinstance(x, torch.Tensor))])
        return result


def test_attention_along_rows_never_stores_its_weights():
    views = [torch.rand(1, 8, 4, 512) for _ in range(3)]
    with torch.inference_mode(), LargestTensor() as largest:
        attend_along_rows(*views)
    assert largest.numbers < 4 * 512 * 512 / 8


def test_a_row_without_likeness_takes_the_mean_of_the_other_row():
    value = torch.rand(1, 3, 2, 5)
    attended = attend_along_rows(torch.zeros(1, 3, 2, 5), torch.rand(1, 3, 2, 5), value)
    torch.testing.assert_close(attended, value.mean(3, keepdim=True).expand_as(value))


def test_one_view_has_the_parameters_of_two_but_for_the_fusion():
    one, two = (NAFSSR(up_scale=4, width=4, num_blks=2, views=views).state_dict() for views in (1, 2))
    assert set(one) == {key for key in two if ".fusion." not in key}


def test_three_views_are_refused():
    with pytest.raises(ValueError, match="one view or two, found 3"):
        NAFSSR(up_scale=4, width=4, num_blks=1, views=3)
