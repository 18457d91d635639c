import gzip
import hashlib
import json
import pickle
from pathlib import Path

import pytest
import torch

from pipeline.core.errors import SharpcamError
from pipeline.teacher import networks, weight_files
from pipeline.teacher.networks import NETWORKS, Network, load_network
from pipeline.teacher.weight_files import WeightFile
from training.models import MODELS

MANIFEST = Path(__file__).parents[2] / "training/models/fixtures/checkpoint_manifest.json.gz"

TINY = {
    "sr": Network("nafssr", {"up_scale": 2, "width": 4, "num_blks": 2}, "sr.pth", NETWORKS["NAFSSR-L_4x"].unused),
    "deblur": Network(
        "nafnet",
        {"width": 4, "enc_blk_nums": (1, 2), "middle_blk_num": 1, "dec_blk_nums": (1, 1)},
        "deblur.pth",
    ),
    "denoise": Network(
        "nafnet",
        {"width": 4, "enc_blk_nums": (2, 1), "middle_blk_num": 1, "dec_blk_nums": (1, 1)},
        "denoise.pth",
    ),
    "compact": Network("srvgg", {"num_feat": 4, "num_conv": 1, "upscale": 2}, "compact.pth"),
}
STORED = {"sr": {"views": 2}}  # as the checkpoint was trained


@pytest.fixture(params=TINY)
def name(request):
    return request.param


@pytest.fixture(autouse=True)
def _tiny_table(monkeypatch):
    monkeypatch.setattr(networks, "NETWORKS", TINY)


def random_state(name):
    torch.manual_seed(0)
    model = MODELS[TINY[name].model](**TINY[name].arguments, **STORED.get(name, {}))
    return {key: torch.randn(value.shape) for key, value in model.state_dict().items()}


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Put a file there and make its hash the known one."""

    def put(network, content):
        file = TINY[network].file
        path = tmp_path / file
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        content = path.read_bytes()
        known = WeightFile(file, len(content), hashlib.sha256(content).hexdigest())
        monkeypatch.setattr(weight_files, "FILES", weight_files.FILES | {file: known})
        return path

    return put


def test_every_published_checkpoint_fits_key_by_key_and_shape_by_shape():
    for name, published in json.loads(gzip.decompress(MANIFEST.read_bytes())).items():
        network = NETWORKS[name]
        stored = {"views": 2} if network.model == "nafssr" else {}
        with torch.device("meta"):
            state = MODELS[network.model](**network.arguments, **stored).state_dict()
        assert {key: list(value.shape) for key, value in state.items()} == published["state_dict"]


def test_a_network_is_loaded_with_the_numbers_of_its_file(name, put, tmp_path):
    state = random_state(name)
    path = put(name, {"params": state})
    model, provenance = load_network(name, folder=tmp_path)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert provenance == {
        "network": name,
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def test_both_views_take_the_whole_checkpoint_and_the_window_takes_no_weight(put, tmp_path):
    put("sr", {"params": random_state("sr")})
    model, _ = load_network("sr", folder=tmp_path, views=2, tlc_px=(4, 8))
    assert set(model.state_dict()) == set(random_state("sr"))
    assert model.body[0].module.blk.sca[0].window_px == (6, 12)


def test_a_half_precision_checkpoint_of_a_parallel_training_becomes_single_precision(put, tmp_path):
    state = random_state("compact")
    put("compact", {"params": {f"module.{key}": value.half() for key, value in state.items()}})
    model, _ = load_network("compact", folder=tmp_path)
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key].half().float())


def test_the_checkpoint_of_another_network_is_recognised(put, tmp_path):
    assert len(random_state("denoise")) == len(random_state("deblur"))
    put("deblur", {"params": random_state("denoise")})
    with pytest.raises(SharpcamError, match=r"deblur.pth is not a checkpoint of deblur \(it holds denoise\)\. Move it"):
        load_network("deblur", folder=tmp_path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda state: state.pop("up.0.bias"), r"\(1 missing: up\.0\.bias \.\.\.\)"),
        (lambda state: state.update(extra=torch.ones(1)), r"\(1 unknown: extra \.\.\.\)"),
        (
            lambda state: state.update({"body.0.module.blk.fusion.beta": torch.ones(1)}),
            r"\(1 unknown: body\.0\.module\.blk\.fusion\.beta \.\.\.\)",
        ),
        (
            lambda state: state.update({"up.0.bias": torch.ones(1)}),
            r"\(1 of another shape: up\.0\.bias \.\.\.\)",
        ),
    ],
)
def test_nothing_but_the_fusion_may_be_left_over_and_nothing_may_lack(put, tmp_path, change, expected):
    state = random_state("sr")
    change(state)
    put("sr", {"params": state})
    with pytest.raises(SharpcamError, match=expected):
        load_network("sr", folder=tmp_path)


class Payload:
    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return Path.touch, (self.victim,)


def test_code_in_a_pickle_is_not_run(put, tmp_path):
    victim = tmp_path / "victim"
    for content in (pickle.dumps({"params": Payload(victim)}), {"params": Payload(victim)}):
        put("compact", content)
        with pytest.raises(SharpcamError, match="holds more than numbers, such as code, and was not opened"):
            load_network("compact", folder=tmp_path)
    assert not victim.exists()


def test_a_truncated_checkpoint_is_refused_even_where_its_hash_was_accepted(put, tmp_path):
    whole = put("compact", {"params": random_state("compact")}).read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        put("compact", whole[:size])
        with pytest.raises(SharpcamError, match=r"compact\.pth is damaged, or holds more than numbers"):
            load_network("compact", folder=tmp_path)


@pytest.mark.parametrize("content", [torch.ones(3), {"state_dict": {}}, {"params": {"a": 1}}])
def test_what_is_no_checkpoint_is_refused(put, tmp_path, content):
    put("compact", content)
    with pytest.raises(SharpcamError, match='holds no network under the key "params"'):
        load_network("compact", folder=tmp_path)


def test_one_changed_bit_is_refused_before_anything_is_read(put, tmp_path, monkeypatch):
    path = put("compact", {"params": random_state("compact")})
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(SharpcamError, match=r"compact\.pth is not the compact\.pth expected: its sha256 is"):
        load_network("compact", folder=tmp_path)


def test_nothing_runs_without_its_weights(put, tmp_path):
    put("compact", {"params": random_state("compact")}).unlink()
    with pytest.raises(SharpcamError, match=r"No .*compact\.pth\. Run \"python -m pipeline\.weights get"):
        load_network("compact", folder=tmp_path)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(SharpcamError, match=r'No network is called "nafnet"\. Known: sr, deblur, denoise'):
        load_network("nafnet", folder=tmp_path)
