"""What every network in the table promises."""

import pytest
import torch

from training.models import MODELS

TINY = {
    "nafnet": {"width": 4, "enc_blk_nums": (1, 1), "middle_blk_num": 1, "dec_blk_nums": (1, 1)},
    "nafssr": {"up_scale": 4, "width": 4, "num_blks": 1},
    "restorer": {"width": 8, "blocks": (1, 1)},
    "srvgg": {"num_feat": 4, "num_conv": 1, "upscale": 4},
}
VARIANTS = {name: (name, TINY.get(name, {})) for name in MODELS} | {
    "nafnet_tlc": ("nafnet", TINY["nafnet"] | {"tlc_px": (4, 8)}),
    "nafssr_tlc": ("nafssr", TINY["nafssr"] | {"tlc_px": (4, 8)}),
    "nafssr_stereo_tlc": ("nafssr", TINY["nafssr"] | {"views": 2, "tlc_px": (4, 8)}),
}


@pytest.fixture(params=VARIANTS)
def variant(request):
    return VARIANTS[request.param]


@pytest.fixture
def model(variant):
    name, arguments = variant
    torch.manual_seed(0)
    model = MODELS[name](**arguments).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # some begin at zero and would hide what comes before them
            parameter += torch.randn(parameter.shape) * (len(parameter) / parameter.numel()) ** 0.5 / 2
    return model


@pytest.fixture
def channels(variant):
    return 3 * variant[1].get("views", 1)


@pytest.mark.parametrize("size", [(24, 32), (13, 21), (1, 1), (2, 35)])
def test_any_size_is_enlarged_by_the_same_factor(model, channels, size):
    with torch.inference_mode():
        output = model(torch.rand(2, channels, *size))
    scale = output.shape[2] // size[0]
    assert output.shape == (2, channels, scale * size[0], scale * size[1])
    assert output.isfinite().all()


def test_pictures_in_a_batch_do_not_see_each_other(model, channels):
    batch = torch.rand(3, channels, 14, 18)
    with torch.inference_mode():
        alone = torch.cat([model(picture[None]) for picture in batch])
        torch.testing.assert_close(model(batch), alone, atol=1e-5, rtol=0)


def test_the_memory_layout_does_not_matter(model, channels):
    frame = torch.rand(1, channels, 14, 18)
    with torch.inference_mode():
        expected = model(frame)
        output = model.to(memory_format=torch.channels_last)(frame.to(memory_format=torch.channels_last))
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=0)


def test_bfloat16_stays_close_to_single_precision(model, channels):
    frame = torch.rand(1, channels, 14, 18)
    with torch.inference_mode():
        expected = model(frame)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mixed = model(frame)
        half = model.bfloat16()(frame.bfloat16())
    for output in (mixed, half):
        torch.testing.assert_close(output.float(), expected, atol=0.05, rtol=0.05)


def test_building_takes_as_many_random_numbers_with_a_window_as_without():
    for name, arguments in VARIANTS.values():
        if "tlc_px" not in arguments:
            continue
        states = []
        for tlc_px in (None, arguments["tlc_px"]):
            torch.manual_seed(0)
            MODELS[name](**arguments | {"tlc_px": tlc_px})
            states.append(torch.get_rng_state())
        assert torch.equal(*states)


def test_gradients_reach_every_parameter(model, channels):
    model.train()(torch.rand(1, channels, 12, 16)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_graph_can_be_exported(model, channels):
    frame = torch.rand(1, channels, 12, 16)
    exported = torch.export.export(model, (frame,)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(frame), model(frame), atol=1e-5, rtol=0)
