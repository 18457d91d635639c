import pytest
import torch

from training.models.local_mean import ChannelMean, box_mean, local_window, spread


def means_by_loops(x, *, window_px):
    """Mean of the window around every pixel, moved inwards where it would leave the map; float64, one by one."""
    (height, width), (rows, columns) = x.shape[-2:], window_px
    rows, columns = min(rows, height), min(columns, width)
    result = torch.empty(x.shape, dtype=torch.float64)
    for y in range(height):
        for i in range(width):
            top = min(max(y - (height - (height - rows + 1)) // 2, 0), height - rows)
            left = min(max(i - (width - (width - columns + 1)) // 2, 0), width - columns)
            window = x[..., top : top + rows, left : left + columns]
            result[..., y, i] = window.double().mean((-2, -1))
    return result


@pytest.mark.parametrize("window_px", [(1, 1), (3, 3), (4, 7), (7, 4), (2, 50), (50, 2), (11, 5), (10, 12)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_any_window_on_any_map_equals_the_loops(window_px, layout):
    x = torch.randn(2, 3, 11, 13, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=layout)
    means = spread(ChannelMean(window_px=window_px)(x), size=(11, 13)).expand(x.shape)
    torch.testing.assert_close(means.double(), means_by_loops(x, window_px=window_px), atol=1e-6, rtol=0)


def test_a_window_that_covers_the_map_gives_one_mean_per_channel():
    x = torch.rand(2, 3, 11, 13)
    for pool in (ChannelMean(), ChannelMean(window_px=(11, 13)), ChannelMean(window_px=(384, 384))):
        assert pool(x).shape == (2, 3, 1, 1)
        torch.testing.assert_close(pool(x)[..., 0, 0], x.mean((2, 3)))


def test_large_maps_far_from_zero_keep_their_digits():
    ramp = torch.linspace(2, 5, 1280) + torch.linspace(0, 1, 1024)[:, None]
    x = (ramp + torch.randn(ramp.shape, generator=torch.Generator().manual_seed(0)))[None, None]
    exact = box_mean_by_integral_image(x.double(), window_px=(384, 384))
    error = (box_mean(x, window_px=(384, 384)) - exact).abs().max()
    naive_error = (box_mean_by_integral_image(x, window_px=(384, 384)) - exact).abs().max()
    assert error < 2e-6
    assert error < naive_error / 2


def box_mean_by_integral_image(x, *, window_px):
    rows, columns = window_px
    sums = torch.nn.functional.pad(x.cumsum(-1).cumsum(-2), (1, 0, 1, 0))
    boxes = sums[..., rows:, columns:] - sums[..., :-rows, columns:]
    return (boxes - sums[..., rows:, :-columns] + sums[..., :-rows, :-columns]) / (rows * columns)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("window_px", [None, (40, 24)])
def test_half_precision_is_summed_in_single_precision(dtype, window_px):
    x = (100 + torch.randn(1, 2, 128, 64, generator=torch.Generator().manual_seed(0))).to(dtype)
    means = ChannelMean(window_px=window_px)(x)
    assert means.dtype == dtype
    torch.testing.assert_close(means, ChannelMean(window_px=window_px)(x.double()).to(dtype), atol=0, rtol=0)


def test_the_input_is_left_as_it_was():
    x = torch.rand(1, 2, 9, 9)
    before = x.clone()
    ChannelMean(window_px=(3, 3))(x)
    assert torch.equal(x, before)


def test_means_can_be_trained_through():
    x = torch.rand(1, 2, 7, 8, dtype=torch.float64, requires_grad=True)
    ChannelMean(window_px=(3, 4))(x).sum().backward()
    corner, middle = x.grad[0, 0, 0, 0], x.grad[0, 0, 3, 4]
    assert corner == pytest.approx(1 / 12)  # one window of twelve holds the corner
    assert middle == pytest.approx(1)  # every place in the window is taken once


@pytest.mark.parametrize(
    ("train_px", "level", "multiple_px", "expected"),
    [
        ((256, 256), 0, 16, (384, 384)),
        ((256, 256), 4, 16, (24, 24)),
        ((30, 90), 0, 1, (45, 135)),
        ((5, 9), 0, 1, (7, 13)),
        ((16, 10), 2, 4, (6, 4)),  # 10 is padded to 12: 3 rows there, 3 * 15 // 10
    ],
)
def test_the_window_is_that_of_the_training_size(train_px, level, multiple_px, expected):
    assert local_window(train_px=train_px, level=level, multiple_px=multiple_px) == expected
