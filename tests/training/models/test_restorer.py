"""The restorer's shapes, what it is before training, and that it does not look at the frame as a whole."""

import pytest
import torch
import torch.nn.functional as F

from training.models.restorer import Restorer


def trained_looking(**arguments) -> Restorer:
    """A small model whose weights are random everywhere, the zero ones too."""
    torch.manual_seed(0)
    model = Restorer(width=8, blocks=(1, 1), **arguments).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 12), (16, 16), (33, 20)])
def test_any_size_is_given_back_doubled(size):
    frames = torch.rand(2, 3, *size)
    with torch.inference_mode():
        assert trained_looking()(frames).shape == (2, 3, 2 * size[0], 2 * size[1])


def test_an_untrained_restorer_is_bicubic_doubling():
    frames = torch.rand(1, 3, 10, 14)
    with torch.inference_mode():
        given = Restorer(width=8, blocks=(1, 2))(frames)
    torch.testing.assert_close(given, F.interpolate(frames, scale_factor=2, mode="bicubic", align_corners=False))


def test_a_new_fine_branch_adds_nothing():
    torch.manual_seed(0)
    plain, fine = trained_looking(dials=True), Restorer(width=8, blocks=(1, 1), dials=True, fine=2).eval()
    fine.load_state_dict({**fine.state_dict(), **plain.state_dict()})
    frames, dials = torch.rand(1, 3, 11, 14), torch.tensor([[0.1, 0.9, 0.3, 0.5]])
    with torch.inference_mode():
        torch.testing.assert_close(fine(frames, dials), plain(frames, dials))


def test_the_fine_branch_follows_the_dials():
    model = trained_looking(dials=True, fine=2)
    frames, dials = torch.rand(1, 3, 8, 8), torch.tensor([[0.1, 0.9, 0.3, 0.5]])
    with torch.inference_mode():
        turned = model(frames, dials)
        model.fine.dials = None
        assert not torch.allclose(model(frames, dials), turned)


def test_a_frame_far_away_changes_nothing_here():
    frames = torch.rand(1, 3, 96, 96)
    changed = frames.clone()
    changed[..., 80:] = 0
    with torch.inference_mode():
        before, after = trained_looking()(frames), trained_looking()(changed)
    torch.testing.assert_close(before[..., :64], after[..., :64])


def test_a_whole_frame_is_the_same_as_its_parts_away_from_the_cut():
    frames = torch.rand(1, 3, 40, 96)
    model = trained_looking()
    with torch.inference_mode():
        whole, part = model(frames), model(frames[..., :64])
    torch.testing.assert_close(whole[..., :80], part[..., :80], atol=1e-5, rtol=1e-5)


def test_bf16_convolutions_stay_close_to_fp32():
    frames, model = torch.rand(1, 3, 32, 32), trained_looking()
    with torch.inference_mode():
        exact = model(frames)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model(frames)
    assert (exact - rounded).std() < 0.05 * exact.std()


def test_a_restorer_learns_a_tiny_sample_by_heart():
    torch.manual_seed(0)
    truth = torch.rand(2, 3, 16, 16)
    raw = F.avg_pool2d(truth, 2)
    model = Restorer(width=16, blocks=(1, 1))
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(150):
        loss = F.l1_loss(model(raw), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 3
