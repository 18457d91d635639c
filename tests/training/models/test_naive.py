"""The NAF networks against their definition, written down once more: float64, loops, every row's W x W weights.

The known answers hold no rectangular window for NAFNet and no case of one view given twice; these do.
"""

import pytest
import torch
import torch.nn.functional as F

from training.models.nafnet import NAFNet
from training.models.nafssr import NAFSSR, same_view_twice

SR = {"up_scale": 2, "width": 4, "num_blks": 2}
UNET = {"width": 4, "enc_blk_nums": (1, 1), "middle_blk_num": 1, "dec_blk_nums": (1, 1)}


class Weights(dict):
    def below(self, prefix):
        return Weights({key.removeprefix(prefix): value for key, value in self.items() if key.startswith(prefix)})


def random_weights(model):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return Weights({key: value.double() for key, value in model.state_dict().items()})


def conv(w, name, x, **options):
    return F.conv2d(x, w[f"{name}.weight"], w.get(f"{name}.bias"), **options)


def norm(w, name, x):
    deviation = x - x.mean(1, keepdim=True)
    normal = deviation / (deviation.square().mean(1, keepdim=True) + 1e-6).sqrt()
    return normal * w[f"{name}.weight"].view(1, -1, 1, 1) + w[f"{name}.bias"].view(1, -1, 1, 1)


def gate(x):
    half = x.shape[1] // 2
    return x[:, :half] * x[:, half:]


def pool(x, window):
    height, width = x.shape[-2:]
    rows, columns = (height, width) if window is None else (min(window[0], height), min(window[1], width))
    means = torch.empty_like(x)
    for y in range(height):
        for i in range(width):
            top = min(max(y - (rows - 1) // 2, 0), height - rows)
            left = min(max(i - (columns - 1) // 2, 0), width - columns)
            means[:, :, y, i] = x[:, :, top : top + rows, left : left + columns].mean((2, 3))
    return means


def block(w, x, window):
    y = conv(w, "conv1", norm(w, "norm1", x))
    y = gate(conv(w, "conv2", y, padding=1, groups=y.shape[1]))
    y = conv(w, "conv3", y * conv(w, "sca.1", pool(y, window)))
    x = x + w["beta"] * y
    return x + w["gamma"] * conv(w, "conv5", gate(conv(w, "conv4", norm(w, "norm2", x))))


def nafnet(w, frame, windows):
    height, width = frame.shape[-2:]
    padded = torch.zeros(*frame.shape[:2], height + -height % 4, width + -width % 4, dtype=frame.dtype)
    padded[..., :height, :width] = frame
    top = block(w.below("encoders.0.0."), conv(w, "intro", padded, padding=1), windows[0])
    middle = block(w.below("encoders.1.0."), conv(w, "downs.0", top, stride=2), windows[1])
    x = block(w.below("middle_blks.0."), conv(w, "downs.1", middle, stride=2), windows[2])
    x = F.pixel_shuffle(conv(w, "ups.0.0", x), 2) + middle
    x = F.pixel_shuffle(conv(w, "ups.1.0", block(w.below("decoders.0.0."), x, windows[1])), 2) + top
    x = conv(w, "ending", block(w.below("decoders.1.0."), x, windows[0]), padding=1)
    return (x + padded)[..., :height, :width]


def look(query, key, value):
    result = torch.empty_like(value)
    for sample in range(len(query)):
        for y in range(query.shape[2]):
            q, k, v = (x[sample, :, y] for x in (query, key, value))  # (C, W)
            weights = torch.softmax(q.T @ k / len(q) ** 0.5, dim=1)  # (W, W)
            result[sample, :, y] = v @ weights.T
    return result


def fuse(w, left, right):
    key_left, key_right = conv(w, "l_proj1", norm(w, "norm_l", left)), conv(w, "r_proj1", norm(w, "norm_r", right))
    from_right = look(key_left, key_right, conv(w, "r_proj2", right))
    from_left = look(key_right, key_left, conv(w, "l_proj2", left))
    return left + w["beta"] * from_right, right + w["gamma"] * from_left


def nafssr(w, views, window):
    x = [conv(w, "intro", view, padding=1) for view in views]
    for number in range(SR["num_blks"]):
        inside = w.below(f"body.{number}.module.")
        x = [block(inside.below("blk."), view, window) for view in x]
        if len(views) == 2:
            x = fuse(inside.below("fusion."), *x)
    return [
        F.pixel_shuffle(conv(w, "up.0", y, padding=1), 2) + F.interpolate(view, scale_factor=2, mode="bilinear")
        for y, view in zip(x, views, strict=True)
    ]


def pictures(channels, height, width):
    return torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(1))


def assert_same(output, expected):
    torch.testing.assert_close(output.double(), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("tlc_px", "windows"),
    [
        (None, [None, None, None]),
        ((4, 8), [(6, 12), (3, 6), (1, 3)]),
        ((8, 4), [(12, 6), (6, 3), (3, 1)]),
        ((4, 100), [(6, 150), (3, 75), (1, 37)]),
    ],
)
@pytest.mark.parametrize("size", [(13, 18), (16, 12)])
def test_nafnet_follows_its_definition_with_any_window(tlc_px, windows, size):
    model = NAFNet(**UNET, tlc_px=tlc_px).eval()
    weights = random_weights(model)
    frame = pictures(3, *size)
    with torch.inference_mode():
        assert_same(model(frame), nafnet(weights, frame.double(), windows))


@pytest.mark.parametrize(("tlc_px", "window"), [(None, None), ((4, 7), (6, 10)), ((6, 2), (9, 3))])
@pytest.mark.parametrize("views", [1, 2])
def test_nafssr_follows_its_definition_with_any_window(tlc_px, window, views):
    model = NAFSSR(**SR, views=views, tlc_px=tlc_px).eval()
    weights = random_weights(model)
    frame = pictures(3 * views, 8, 11)
    with torch.inference_mode():
        expected = torch.cat(nafssr(weights, frame.double().chunk(views, dim=1), window), dim=1)
        assert_same(model(frame), expected)


def test_the_same_view_twice_gives_the_mean_of_two_different_views():
    model = NAFSSR(**SR, views=2, tlc_px=(4, 7)).eval()
    weights = random_weights(model)
    frame = pictures(3, 7, 9)
    with torch.inference_mode():
        left, right = nafssr(weights, [frame.double()] * 2, (6, 10))
        assert (left - right).abs().max() > 1e-3
        assert_same(same_view_twice(model, frame), (left + right) / 2)
