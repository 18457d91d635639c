"""Chains of networks, with small ones of random weights in place of those that are downloaded."""

import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from making import ROOT, make_clip, photo, tree
from skimage.metrics import peak_signal_noise_ratio

from benchmarks.random_weights import random_weights, write_random_restorer
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.frames import read_frame
from pipeline.core.params import GeometryParams, load_params
from pipeline.teacher import inference
from pipeline.teacher.backends import BACKENDS
from pipeline.teacher.brightness import with_light_of
from pipeline.teacher.chain import build_chain, guarded
from pipeline.teacher.device import Engine
from pipeline.teacher.network_steps import NafnetDeblur, NafnetDenoise, Nafssr, RealEsrgan, Restorer
from pipeline.teacher.networks import NETWORKS, Network
from pipeline.teacher.stage import teacher
from pipeline.teacher.steps import shrink
from training.models import MODELS
from training.models.nafssr import same_view_twice

PARAMS = load_params(ROOT / "params.yaml").teacher
GEOMETRY = GeometryParams(width=160, height=128, scale=2, fit="crop")
FRAME = photo(60, 80)
PICTURE = photo(48, 64, seed=1).astype(np.float32) / 255
OFFICIAL = dict(NETWORKS)
UNET = {"width": 4, "middle_blk_num": 1, "dec_blk_nums": (1, 1)}
TINY = {
    "NAFSSR-L_4x": {"up_scale": 4, "width": 8, "num_blks": 2},
    "NAFNet-REDS-width64": UNET | {"enc_blk_nums": (1, 2)},
    "NAFNet-SIDD-width64": UNET | {"enc_blk_nums": (2, 1)},
    "realesr-general-x4v3": {"num_feat": 4, "num_conv": 1, "upscale": 4},
}
STEPS_OF_NETWORKS = [
    Nafssr(tlc_px=(8, 12)),
    Nafssr(tlc_px=None),
    Nafssr(views="same_view", tlc_px=(8, 12)),
    NafnetDeblur(tlc_px=(16, 24)),
    NafnetDenoise(tlc_px=None),
    RealEsrgan(),
    Restorer(),
]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    """The networks of others, small, and torch alone to compute them: test_choice.py has the other backends."""
    for name in ("openvino-fp32", "openvino-bf16"):
        monkeypatch.delitem(BACKENDS, name)
    for name, arguments in TINY.items():
        known = NETWORKS[name]
        monkeypatch.setitem(NETWORKS, name, Network(known.model, arguments, known.file, known.unused))


@pytest.fixture
def engine(tmp_path):
    """All weights in one folder, fp32 on the CPU."""
    with random_weights([*TINY, "restorer"], folder=tmp_path / "weights"):
        yield Engine(tmp_path / "weights", tmp_path / "weights", "cpu", "fp32")


@pytest.fixture
def with_weights(project):
    """A project with one clip of two frames and all weights."""
    make_clip(project.paths, "a", [FRAME, photo(60, 80, seed=1)])
    project.change(teacher={"precision": "fp32"})
    bundled = [RealEsrgan.network, Restorer.network]
    with (
        random_weights([name for name in TINY if name not in bundled], folder=project.paths.downloads),
        random_weights(bundled, folder=project.paths.bundled),
    ):
        yield project


def model(name, engine, **run_time):
    """The same network, built by hand."""
    built = MODELS[NETWORKS[name].model](**NETWORKS[name].arguments, **run_time)
    state = torch.load(engine.downloads / NETWORKS[name].file, weights_only=True)["params"]
    built.load_state_dict({key: state[key] for key in built.state_dict()})
    return built.eval()


@torch.no_grad()
def answer(network, picture):
    frame = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy())
    return network(frame)[0].numpy().transpose(1, 2, 0)


@pytest.mark.parametrize("name", PARAMS.chains)
def test_every_chain_ends_at_the_target_and_names_its_weights(name, with_weights):
    with_weights.change(teacher={"chain": name})
    teacher(with_weights.paths, with_weights.params)
    pictures = sorted(with_weights.paths.teacher.rglob("*.png"))
    assert [path.name for path in pictures] == ["000000.png", "000001.png"]
    assert read_frame(pictures[0]).shape == (128, 160, 3)
    recipe = read_json(with_weights.paths.teacher / "a/chain.json", made_by="teacher")
    assert recipe["target"] == [160, 128]
    assert recipe["kept_out"] == {}
    networks = [arguments for step in recipe["steps"] for arguments in step.values() if "network" in arguments]
    assert len(networks) == {"original": 3, "denoise_first": 3, "light": 1, "bundled": 1, "classical": 0}[name]
    assert all(len(entry["sha256"]) == 64 for entry in networks)
    assert {(entry["engine"], entry["dtype"]) for entry in networks} <= {("torch-fp32", "float32")}


def test_original_is_the_documented_order_with_the_documented_arguments(engine):
    picture = FRAME.astype(np.float32) / 255
    large = answer(model("NAFSSR-L_4x", engine, tlc_px=(30, 90)), picture)  # 320 x 240
    fitted = shrink(np.ascontiguousarray(large[:, 10:-10]), size=(160, 128))
    sharp = answer(model("NAFNet-REDS-width64", engine, tlc_px=(256, 256)), fitted)
    clean = answer(model("NAFNet-SIDD-width64", engine, tlc_px=(256, 256)), sharp)
    expected = clean + 0.5 * (clean - cv2.GaussianBlur(clean, (0, 0), 1))
    chain = build_chain(PARAMS.model_copy(update={"chain": "original"}), geometry=GEOMETRY, engine=engine)
    levels = np.abs(chain.enhance(FRAME).frame - expected.clip(0, 1) * 255)
    assert levels.max() < 0.51  # rounding


@pytest.mark.parametrize("step", STEPS_OF_NETWORKS, ids=str)
def test_a_step_gives_what_its_network_gives_at_the_size_it_announces(step, engine):
    given = step.placed(engine).run(PICTURE, geometry=GEOMETRY)
    assert given.dtype == np.float32
    assert given.shape[1::-1] == step.size_after((64, 48), geometry=GEOMETRY)
    if isinstance(step, Restorer):
        return
    arguments = {"tlc_px": step.tlc_px} if hasattr(step, "tlc_px") and step.tlc_px else {}
    if isinstance(step, Nafssr) and step.views == "same_view":
        two = MODELS["nafssr"](**TINY["NAFSSR-L_4x"], **arguments, views=2).eval()
        two.load_state_dict(torch.load(engine.downloads / step.file, weights_only=True)["params"])
        np.testing.assert_allclose(given, answer(lambda frame: same_view_twice(two, frame), PICTURE), atol=1e-5)
    else:
        np.testing.assert_allclose(given, answer(model(step.network, engine, **arguments), PICTURE), atol=1e-5)


def test_the_fallback_is_the_network_without_tlc(engine):
    step = NafnetDeblur(tlc_px=(16, 16)).placed(engine)
    fallback = step.fallback_step()
    assert fallback.fallback_step() is None
    assert RealEsrgan().fallback_step() is None
    plain = answer(model(step.network, engine), PICTURE)
    np.testing.assert_allclose(fallback.run(PICTURE, geometry=GEOMETRY), plain, atol=1e-5)
    difference = np.abs(step.run(PICTURE, geometry=GEOMETRY) - fallback.run(PICTURE, geometry=GEOMETRY))
    assert difference.max() > 1e-6


def test_a_network_that_fails_with_tlc_alone_is_used_without(engine):
    step = NafnetDeblur(tlc_px=(16, 16)).placed(engine)

    def run(form, picture):
        given = form.run(picture, geometry=GEOMETRY)
        return given * np.float32("nan") if form.tlc_px else given

    given, problem = guarded(step, PICTURE, run=run)
    assert problem == ""
    np.testing.assert_array_equal(given, step.fallback_step().run(PICTURE, geometry=GEOMETRY))


@pytest.mark.parametrize("step", STEPS_OF_NETWORKS, ids=str)
def test_bf16_is_within_a_twentieth_of_a_decibel(step, engine):
    truth = PICTURE
    noisy = (truth + np.random.default_rng(0).normal(0, 0.02, truth.shape)).astype(np.float32)
    psnr = []
    for precision in ("fp32", "bf16"):
        placed = step.placed(Engine(engine.bundled, engine.downloads, "cpu", precision))
        given = placed.run(noisy, geometry=GEOMETRY)
        large = cv2.resize(truth, given.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        psnr.append(peak_signal_noise_ratio(large, given, data_range=1))
    assert abs(psnr[0] - psnr[1]) < 0.05
    assert psnr[0] != psnr[1]


def test_pooling_and_layer_norm_stay_in_fp32_when_convolutions_do_not(engine, monkeypatch):
    step = NafnetDeblur(tlc_px=(16, 16)).placed(Engine(engine.bundled, engine.downloads, "cpu", "bf16"))
    step.load()
    normed, pooled, convolved = [], [], []
    layer_norm, cumsum = torch.nn.functional.layer_norm, torch.Tensor.cumsum_
    monkeypatch.setattr(
        torch.nn.functional, "layer_norm", lambda x, *rest: normed.append(x.dtype) or layer_norm(x, *rest)
    )
    monkeypatch.setattr(torch.Tensor, "cumsum_", lambda x, dim: pooled.append(x.dtype) or cumsum(x, dim))
    network = inference.loaded(step.source(), device="cpu", tlc_px=step.tlc_px)
    network.intro.register_forward_hook(lambda *call: convolved.append(call[2].dtype))
    step.run(PICTURE, geometry=GEOMETRY)
    assert set(normed) == set(pooled) == {torch.float32}
    assert convolved == [torch.bfloat16]


def test_weights_precision_and_arguments_are_in_the_fingerprint(engine):
    def fingerprint(step, **changes):
        placed = Engine(engine.bundled, engine.downloads, "cpu", **({"precision": "fp32"} | changes))
        params = PARAMS.model_copy(update={"chain": "one", "chains": {"one": [step]}})
        return build_chain(params, geometry=GEOMETRY, engine=placed).fingerprint()

    ours = {"restorer": {}}
    seen = [fingerprint(ours), fingerprint(ours, precision="bf16")]
    seen += [fingerprint({"nafssr": {"tlc_px": tlc}}) for tlc in (None, [30, 90], [32, 90])]
    seen += [fingerprint({"restorer": changed}) for changed in ({"self_ensemble": 2}, {"keep_light": True})]
    seen += [fingerprint({"nafssr": {"views": "same_view", "tlc_px": None}})]
    write_random_restorer(engine.bundled / "restorer.safetensors", width=8)
    seen.append(fingerprint(ours))
    assert len(set(seen)) == len(seen)


def test_a_self_ensemble_is_the_mean_over_flipped_views(engine):
    one, two, four = (Restorer(self_ensemble=views).placed(engine) for views in (1, 2, 4))
    flipped = one.run(np.ascontiguousarray(PICTURE[:, ::-1]), geometry=GEOMETRY)[:, ::-1]
    plain = one.run(PICTURE, geometry=GEOMETRY)
    assert np.abs(plain - flipped).max() > 1e-3
    np.testing.assert_allclose(two.run(PICTURE, geometry=GEOMETRY), (plain + flipped) / 2, atol=1e-6)
    whole = four.run(PICTURE, geometry=GEOMETRY)
    for axes in (0, 1, (0, 1)):
        turned = four.run(np.ascontiguousarray(np.flip(PICTURE, axes)), geometry=GEOMETRY)
        np.testing.assert_allclose(np.flip(turned, axes), whole, atol=1e-5)


def test_a_restorer_may_keep_the_light_of_the_frame(engine):
    plain, kept = (Restorer(keep_light=keep).placed(engine).run(PICTURE, geometry=GEOMETRY) for keep in (False, True))
    assert np.abs(plain - kept).max() > 1e-3
    np.testing.assert_array_equal(kept, with_light_of(PICTURE, plain))


def test_a_network_is_read_once_and_shared_with_its_fallback(engine, monkeypatch):
    reads = []
    real = inference.load_network
    monkeypatch.setattr(inference, "load_network", lambda *args, **rest: reads.append(args) or real(*args, **rest))
    step = NafnetDenoise(tlc_px=(16, 16)).placed(engine)
    for form in (step, step, step.fallback_step()):
        form.run(PICTURE, geometry=GEOMETRY)
    assert len(reads) == 1
    with_tlc, without = (
        inference.loaded(form.source(), device="cpu", tlc_px=form.tlc_px) for form in (step, step.fallback_step())
    )
    assert with_tlc.intro.weight.data_ptr() == without.intro.weight.data_ptr()


@pytest.mark.parametrize(
    ("chain", "command"),
    [
        ("original", "python -m pipeline.weights get original"),
        ("denoise_first", "python -m pipeline.weights get original"),
        ("light", "git checkout weights/bundled/realesr-general-x4v3.fp16.pth"),
        ("bundled", "git checkout weights/bundled/restorer.safetensors"),
    ],
)
def test_without_weights_the_stage_names_the_command_before_the_first_frame(chain, command, project, monkeypatch):
    make_clip(project.paths, "a", [FRAME])
    project.change(teacher={"chain": chain})
    monkeypatch.chdir(project.root)
    done = project.run("pipeline.teacher")
    assert done.returncode == 1
    assert command in done.stderr
    assert done.stderr.count("\n") == 1
    assert tree(project.paths.teacher) == {}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"\x00" * 200])
def test_a_damaged_restorer_is_refused_in_one_sentence(content, project):
    make_clip(project.paths, "a", [FRAME])
    project.change(teacher={"chain": "bundled"})
    project.paths.bundled.mkdir(parents=True)
    (project.paths.bundled / "restorer.safetensors").write_bytes(content)
    with pytest.raises(SharpcamError, match=r"not hold weights of this project.*git checkout"):
        teacher(project.paths, project.params)
    assert tree(project.paths.teacher) == {}


def test_a_wrong_file_is_refused_before_the_first_frame(with_weights):
    with_weights.change(teacher={"chain": "light"})
    paths = with_weights.paths
    shutil.copy(paths.downloads / "NAFSSR-L_4x.pth", paths.bundled / RealEsrgan.file)
    with pytest.raises(SharpcamError, match=r"is not the realesr-general.* expected: it holds NAFSSR-L_4x"):
        teacher(with_weights.paths, with_weights.params)
    assert tree(with_weights.paths.teacher) == {}


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([{"crop": {}}, {"resize": {}}, {"nafssr": {}}], "ends at 640x512, the target is 160x128"),
        ([{"realesrgan": {}}], "ends at 320x240, the target is 160x128"),
        ([{"nafsr": {}}], 'has a step "nafsr"; the steps there are: steady, crop, resize, .*nafssr'),
        ([{"nafssr": {"views": "two"}}], "views: Input should be 'one' or 'same_view'"),
        ([{"nafnet_deblur": {"tlc_px": [256]}}], "tlc_px"),
        ([{"nafnet_deblur": {"tlc": True}}], "tlc is an unknown key"),
    ],
)
def test_an_impossible_chain_is_one_sentence_before_the_first_frame(steps, sentence, with_weights):
    with_weights.change(teacher={"chain": "mine", "chains": {"mine": steps}})
    with pytest.raises(SharpcamError, match=sentence):
        teacher(with_weights.paths, with_weights.params)
    assert tree(with_weights.paths.teacher) == {}


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there_is_refused_by_name(with_weights):
    with_weights.change(teacher={"chain": "bundled", "device": "cuda"})
    with pytest.raises(SharpcamError, match=r'teacher\.device "cuda" does not work here .*Write "auto" or "cpu"'):
        teacher(with_weights.paths, with_weights.params)


def test_a_new_clip_and_another_sharpening_do_not_run_the_network_again(with_weights, monkeypatch):
    runs = []
    real = inference.forward
    monkeypatch.setattr(inference, "forward", lambda *args, **rest: runs.append(args[1].shape) or real(*args, **rest))
    with_weights.change(teacher={"chain": "light"})
    teacher(with_weights.paths, with_weights.params)
    whole = (60, 75, 3)
    assert runs.count(whole) == 2
    make_clip(with_weights.paths, "b", [photo(60, 80, seed=2)])
    teacher(with_weights.paths, with_weights.params)
    assert runs.count(whole) == 3
    steps = [*PARAMS.chains["light"][:-1], {"unsharp": {"amount": 1.0}}]
    with_weights.change(teacher={"chains": {"light": steps}})
    teacher(with_weights.paths, with_weights.params)
    assert runs.count(whole) == 3


def test_pictures_of_the_chain_at_work_stay_in_a_full_cache(with_weights):
    room_gb = 1.5 * 240 * 300 * 3 * 4 / 1e9  # for one picture of the two
    with_weights.change(teacher={"chain": "light", "cache_gb": room_gb})
    teacher(with_weights.paths, with_weights.params)
    folder = with_weights.paths.cache / "teacher"
    [kept] = folder.iterdir()
    with_weights.change(teacher={"chains": {"light": [*PARAMS.chains["light"][:-1], {"unsharp": {"amount": 1.0}}]}})
    teacher(with_weights.paths, with_weights.params)
    assert list(folder.iterdir()) == [kept]
    with_weights.change(teacher={"chain": "bundled"})
    teacher(with_weights.paths, with_weights.params)
    assert list(folder.iterdir()) != [kept]


def test_a_chain_without_networks_needs_no_torch():
    code = "import sys, pipeline.teacher; sys.exit('torch' in sys.modules or 'ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.fixture
def real(monkeypatch):
    """The network of the chain `light` as it comes with sharpcam, in fp32."""
    monkeypatch.setitem(NETWORKS, RealEsrgan.network, OFFICIAL[RealEsrgan.network])
    return RealEsrgan().placed(Engine(ROOT / "weights/bundled", ROOT / "nowhere", "cpu", "fp32"))


def test_the_bundled_weights_of_light_give_what_its_definition_gives(real):
    w = torch.load(ROOT / "weights/bundled" / RealEsrgan.file, weights_only=True)["params"]
    w = {key: value.double() for key, value in w.items()}
    frame = torch.from_numpy(PICTURE.transpose(2, 0, 1)[None].copy()).double()
    x = frame
    for layer in range(0, 66, 2):
        x = torch.nn.functional.conv2d(x, w[f"body.{layer}.weight"], w[f"body.{layer}.bias"], padding=1)
        x = torch.where(x > 0, x, w[f"body.{layer + 1}.weight"].view(1, -1, 1, 1) * x)
    x = torch.nn.functional.conv2d(x, w["body.66.weight"], w["body.66.bias"], padding=1)
    expected = x.reshape(3, 4, 4, 48, 64).permute(0, 3, 1, 4, 2).reshape(3, 192, 256)
    expected = expected + frame[0].repeat_interleave(4, 1).repeat_interleave(4, 2)
    given = real.run(PICTURE, geometry=GEOMETRY)
    np.testing.assert_allclose(given, expected.permute(1, 2, 0), atol=1e-4)


def test_the_real_compact_network_cleans_and_sharpens(real):
    grain = np.random.default_rng(1).normal(0, 0.02, (40, 40, 3)).astype(np.float32)
    edge = cv2.GaussianBlur(np.repeat(np.repeat([[0.3], [0.7]], 20, 0), 40, 1).astype(np.float32), (0, 0), 1.5)
    given = real.run(edge[..., None] + grain, geometry=GEOMETRY)
    assert given[20:40, 20:-20].std() < 0.5 * grain.std()
    steepest = np.diff(given[:, 20:-20].mean(axis=(1, 2))).max()
    bicubic = cv2.resize(edge, (160, 160), interpolation=cv2.INTER_CUBIC)
    assert steepest > 1.3 * np.diff(bicubic.mean(axis=1)).max()


MEMORY = """
import resource
from pathlib import Path
from benchmarks.teacher import built, noisy_frame
from pipeline.core.params import load_params

with built("original", load_params(Path("params.yaml")), random=True) as chain:
    assert chain.enhance(noisy_frame((640, 480))).frame.shape == (1024, 1280, 3)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_original_chain_at_640x480_needs_less_than_four_gigabytes():
    done = subprocess.run([sys.executable, "-c", MEMORY], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 4e9
