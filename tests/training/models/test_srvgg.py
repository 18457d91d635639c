import torch
import torch.nn.functional as F

from training.models.srvgg import SRVGG


def test_it_follows_its_definition():
    model = SRVGG(num_feat=6, num_conv=2, upscale=4)
    w = model.state_dict()
    generator = torch.Generator().manual_seed(0)
    for key, value in w.items():
        w[key] = 0.3 * torch.randn(value.shape, generator=generator)
    model.load_state_dict(w)
    frame = torch.rand(2, 3, 5, 7, generator=generator)

    x = frame
    for layer in (0, 2, 4):
        x = F.conv2d(x, w[f"body.{layer}.weight"], w[f"body.{layer}.bias"], padding=1)
        slope = w[f"body.{layer + 1}.weight"].view(1, -1, 1, 1)
        x = torch.where(x > 0, x, slope * x)
    x = F.conv2d(x, w["body.6.weight"], w["body.6.bias"], padding=1)
    expected = torch.empty(2, 3, 20, 28)
    for y in range(4):
        for column in range(4):
            expected[:, :, y::4, column::4] = x[:, 4 * y + column :: 16] + frame

    with torch.inference_mode():
        torch.testing.assert_close(model(frame), expected, atol=1e-5, rtol=0)


def test_the_published_size_has_the_published_number_of_parameters():
    with torch.device("meta"):
        model = SRVGG(num_feat=64, num_conv=32, upscale=4)
    assert list(model.state_dict())[-1] == "body.66.bias"
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_213_296
