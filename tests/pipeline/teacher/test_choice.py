"""The fastest backend that loses nothing computes a network: measured once, noted, and kept by a run that resumes."""

import hashlib
import json
import shutil
import socket
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from making import ROOT, make_clip, photo

from benchmarks.random_weights import random_weights, write_random_restorer
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.frames import read_frame
from pipeline.forecast import make_forecast
from pipeline.teacher import choice, network_steps, openvino_network
from pipeline.teacher.backends import BACKENDS, OpenVino, Torch
from pipeline.teacher.chain import Chain
from pipeline.teacher.choice import MOST_LOSS_DB, Measured, best, compare
from pipeline.teacher.device import Engine
from pipeline.teacher.inference import started
from pipeline.teacher.network_steps import NafnetDeblur, RealEsrgan, Restorer
from pipeline.teacher.networks import NETWORKS
from pipeline.teacher.stage import teacher
from pipeline.teacher.weight_files import FILES
from training.models.srvgg import SRVGG

FRAMES = [photo(60, 80, seed=seed) for seed in range(3)]
CHAIN = [{"crop": {}}, {"restorer": {}}, {"resize": {}}]
SHIFT = 5  # in 4..8 half precision has steps of 1/32


@dataclass(frozen=True)
class Mirrored:
    """A backend that is fast and wrong: it flips what it is given."""

    precision: str = "fp32"

    def missing(self):
        return ""

    def start(self, model):
        return lambda picture: np.repeat(np.repeat(picture[:, ::-1], 2, 0), 2, 1)


@dataclass(frozen=True)
class Absent(Torch):
    """A backend that this machine lacks."""

    def missing(self):
        return "this processor has no bf16"


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(choice, "MEASURED_S", 0)


@pytest.fixture
def engine(tmp_path):
    """A restorer of random weights, and no note yet."""
    write_random_restorer(tmp_path / "restorer.safetensors", width=8)
    return Engine(tmp_path, tmp_path, "cpu", "auto", tmp_path / "cache")


@pytest.fixture
def torch_alone(monkeypatch):
    """No time is lost on converting."""
    for name in ("openvino-fp32", "openvino-bf16"):
        monkeypatch.delitem(BACKENDS, name)


def chosen(engine, step=None):
    """The choice of a process that has just begun."""
    choice.chosen_backend.cache_clear()
    return (step or Restorer()).placed(engine).backend


def notes(engine):
    return sorted((engine.cache / "engines").glob("*.json"))


def compared(engine, step):
    placed = step.placed(engine)
    return compare(placed.source(), engine=engine, tlc_px=placed._tlc_px())


# Measuring and noting


def test_all_backends_are_measured_against_fp32_and_the_note_says_so(engine, capsys):
    name = chosen(engine)
    [note] = notes(engine)
    content = read_json(note, made_by="teacher")
    assert content["chosen"] == name
    assert set(content["measured"]) | set(content["left_out"]) == set(BACKENDS)
    assert {"torch-fp32", "openvino-fp32", "torch-bf16"} <= set(content["measured"])
    assert content["measured"]["torch-fp32"]["db_to_fp32"] == 120  # the very same
    assert all(one["loss_db"] <= MOST_LOSS_DB for one in content["measured"].values())
    said = capsys.readouterr().err
    assert said.startswith(f"restorer is computed in {name} on this processor, ")
    assert said.count("\n") == 1


@pytest.mark.usefixtures("torch_alone")
def test_a_choice_is_measured_once_for_processor_libraries_weights_and_precision(engine, monkeypatch):
    first = chosen(engine)
    with monkeypatch.context() as patch:
        patch.setattr(choice, "pick_fastest", lambda *_, **__: "measured again")
        assert chosen(engine) == first
        patch.setattr(choice, "machine", lambda libraries: ["another processor", *libraries])
        assert chosen(engine) == "measured again"
    write_random_restorer(engine.bundled / "restorer.safetensors", width=12)
    assert chosen(engine) in BACKENDS
    assert len(notes(engine)) == 2


@pytest.mark.usefixtures("torch_alone")
@pytest.mark.parametrize("content", ["", "[]", '{"chosen": "no such"}', '{"chosen": ["torch-fp32"]}'])
def test_a_note_that_makes_no_sense_is_measured_again(engine, content):
    chosen(engine)
    [note] = notes(engine)
    note.write_text(content)
    assert chosen(engine) in BACKENDS
    assert json.loads(note.read_text())["chosen"] in BACKENDS


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.usefixtures("torch_alone")
def test_a_precision_that_is_asked_for_is_what_is_computed(engine, precision):
    asked = replace(engine, precision=precision)
    assert chosen(asked) == f"torch-{precision}"
    assert notes(engine) == []  # there is nothing to choose from
    entry = Restorer().placed(asked).provenance()
    assert entry["dtype"] == {"fp32": "float32", "bf16": "bfloat16"}[precision]


def test_on_a_gpu_it_is_torch_and_nothing_is_measured(engine):
    assert chosen(replace(engine, device="cuda", precision="bf16")) == "torch-bf16"
    assert notes(engine) == []


def test_a_more_exact_backend_stays_unless_another_is_clearly_faster():
    def measured(**seconds):
        return {name.replace("_", "-"): Measured(time, 60, 0.01) for name, time in seconds.items()}

    assert best(measured(torch_fp32=1.0, torch_bf16=0.9)) == "torch-fp32"
    assert best(measured(torch_fp32=1.0, torch_bf16=0.5)) == "torch-bf16"
    assert best(measured(torch_fp32=1.0, torch_bf16=0.5, openvino_bf16=0.48)) == "torch-bf16"
    assert best(measured(torch_fp32=1.0, torch_bf16=0.5, openvino_bf16=0.3)) == "openvino-bf16"
    with pytest.raises(SharpcamError, match="No backend computes this network"):
        best({})


# What is not chosen


@pytest.mark.usefixtures("torch_alone")
def test_a_backend_that_answers_wrongly_is_not_chosen_however_fast(engine, monkeypatch, capsys):
    monkeypatch.setitem(BACKENDS, "mirrored", Mirrored())
    assert chosen(engine).startswith("torch-")
    content = read_json(notes(engine)[0], made_by="teacher")
    assert content["left_out"] == {"mirrored": "it fails its known-answer test"}
    assert "mirrored is left out: it fails its known-answer test." in capsys.readouterr().err
    with pytest.raises(SharpcamError, match=r"restorer is computed in mirrored in this project.* known-answer test"):
        Restorer().placed(engine).in_backend("mirrored").load()


@pytest.fixture
def brittle(engine, monkeypatch):
    """A network that half precision hurts: it computes with numbers from 5 to 6 and takes the 5 away at the end."""
    arguments = {"num_feat": 3, "num_conv": 1, "upscale": 4}
    monkeypatch.setitem(NETWORKS, RealEsrgan.network, replace(NETWORKS[RealEsrgan.network], arguments=arguments))
    with random_weights([RealEsrgan.network], folder=engine.bundled):
        state = {key: torch.zeros_like(value) for key, value in SRVGG(**arguments).state_dict().items()}
        for channel in range(3):
            state["body.0.weight"][channel, channel, 1, 1] = 1
            state["body.2.weight"][channel, channel, 1, 1] = 1
            state["body.4.weight"][16 * channel : 16 * channel + 16, channel, 1, 1] = 0.5
        state["body.0.bias"] += SHIFT
        state["body.4.bias"] -= 0.5 * SHIFT + 0.4
        known_weights(engine.bundled / RealEsrgan.file, state)
        yield engine


def known_weights(file, state):
    """Write weights in place of the made-up ones there, and have them taken for known."""
    torch.save({"params": state}, file)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    FILES[file.name] = replace(FILES[file.name], bytes=file.stat().st_size, sha256=sha256)


def test_half_precision_that_costs_too_much_is_left_out_but_for_who_asks_for_it(brittle):
    usable, left_out = compared(brittle, RealEsrgan())
    assert set(usable) == {"torch-fp32", "openvino-fp32"}
    assert all("dB, and at most 0.05 are allowed" in left_out[name] for name in left_out)
    assert "torch-bf16" in left_out
    assert chosen(brittle, RealEsrgan()) in usable
    assert chosen(replace(brittle, precision="bf16"), RealEsrgan()) in ("torch-bf16", "openvino-bf16")


@pytest.mark.usefixtures("torch_alone")
def test_networks_that_cannot_be_converted_stay_in_torch_with_a_sentence(engine, monkeypatch, capsys):
    monkeypatch.setitem(BACKENDS, "openvino-fp32", OpenVino("fp32"))
    unet = {"width": 4, "enc_blk_nums": (1,), "middle_blk_num": 1, "dec_blk_nums": (1,)}
    name = NafnetDeblur.network
    monkeypatch.setitem(NETWORKS, name, replace(NETWORKS[name], arguments=unet))
    with random_weights([name], folder=engine.downloads):
        assert chosen(engine, NafnetDeblur(tlc_px=(16, 24))).startswith("torch-")
        said = capsys.readouterr().err
        assert "openvino-fp32 is left out: its local converter depends on a picture's size, which" in said
        monkeypatch.setattr(openvino_network, "MOST_PARAMETERS", 1000)
        assert chosen(engine, NafnetDeblur(tlc_px=None)).startswith("torch-")
        assert "openvino-fp32 is left out: with 0 million parameters it would take too much" in capsys.readouterr().err


# The stage


@pytest.fixture
def clips(project, monkeypatch):
    """One clip, a small restorer, and a choice that a test can make: `clips.chosen`."""
    settings = {"chain": "mine", "device": "cpu", "chains": {"mine": CHAIN}}
    project.change(teacher=settings, capture={"source": "inbox"})
    write_random_restorer(project.paths.bundled / "restorer.safetensors", width=8)
    make_clip(project.paths, "a", FRAMES[:2])
    project.chosen = "torch-bf16"
    monkeypatch.setattr(network_steps, "chosen_backend", lambda *_, **__: project.chosen)
    return project


def recorded(clips, clip="a"):
    [_, restorer, _] = read_json(clips.paths.teacher / clip / "chain.json", made_by="teacher")["steps"]
    return restorer["restorer"]["engine"], restorer["restorer"]["dtype"]


def computed(clips, capsys):
    """How many frames a run of the stage computed, and how many it found up to date."""
    teacher(clips.paths, clips.params)
    words = capsys.readouterr().out.splitlines()[-1].split()
    return int(words[words.index("computed,") - 1]), int(words[words.index("up") - 1])


def test_the_recipe_names_the_backend_and_another_makes_other_pictures(clips):
    teacher(clips.paths, clips.params)
    assert recorded(clips) == ("torch-bf16", "bfloat16")
    halves = read_frame(clips.paths.teacher / "a/000000.png")
    clips.change(teacher={"precision": "fp32"})
    clips.chosen = "torch-fp32"
    teacher(clips.paths, clips.params)
    assert recorded(clips) == ("torch-fp32", "float32")
    difference = np.abs(halves.astype(int) - read_frame(clips.paths.teacher / "a/000000.png"))
    assert 0 < difference.max() <= 4


def test_a_run_that_resumes_keeps_the_recorded_backend(clips, capsys):
    assert computed(clips, capsys) == (2, 0)
    clips.chosen = "torch-fp32"
    shutil.rmtree(clips.paths.logs)
    make_clip(clips.paths, "b", FRAMES[2:])
    assert make_forecast(clips.paths, clips.params).frames == 1
    assert computed(clips, capsys) == (1, 2)
    assert recorded(clips, "b") == ("torch-bf16", "bfloat16")


def test_a_run_that_was_killed_goes_on_in_the_same_backend(clips, capsys, monkeypatch):
    enhance, begun = Chain.enhance, []

    def killed(self, frame, **rest):
        begun.append(frame.shape)
        if begun.count((60, 80, 3)) == 2:
            raise KeyboardInterrupt
        return enhance(self, frame, **rest)

    monkeypatch.setattr(Chain, "enhance", killed)
    with pytest.raises(KeyboardInterrupt):
        teacher(clips.paths, clips.params)
    monkeypatch.setattr(Chain, "enhance", enhance)
    clips.chosen = "torch-fp32"
    capsys.readouterr()
    assert computed(clips, capsys) == (1, 1)
    assert recorded(clips) == ("torch-bf16", "bfloat16")


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "fp32"},
        {"chains": {"mine": [*CHAIN, {"unsharp": {}}]}},
        {"chains": {"mine": [{"crop": {}}, {"restorer": {"self_ensemble": 2}}, {"resize": {}}]}},
    ],
)
def test_other_parameters_choose_again(clips, capsys, change):
    computed(clips, capsys)
    clips.chosen = "torch-fp32"
    clips.change(teacher=change)
    assert computed(clips, capsys) == (2, 0)
    assert recorded_names(clips) == ["torch-fp32"]


def recorded_names(clips):
    steps = read_json(clips.paths.teacher / "a/chain.json", made_by="teacher")["steps"]
    return [entry["engine"] for step in steps for entry in step.values() if "engine" in entry]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"steps": 1}', '{"steps": [{}]}', '{"steps": [1, 2, 3]}'])
def test_a_damaged_recipe_records_nothing(clips, capsys, content):
    computed(clips, capsys)
    (clips.paths.teacher / "a/chain.json").write_text(content)
    clips.chosen = "torch-fp32"
    assert computed(clips, capsys) == (2, 0)
    assert recorded(clips) == ("torch-fp32", "float32")


def test_a_recorded_backend_that_this_machine_lacks_is_one_sentence_where_frames_are_to_be_computed(
    clips, capsys, monkeypatch
):
    computed(clips, capsys)
    monkeypatch.setitem(BACKENDS, "torch-bf16", Absent("bf16"))
    started.cache_clear()
    assert computed(clips, capsys) == (0, 2)
    make_clip(clips.paths, "b", FRAMES[2:])
    expected = (
        r"restorer is computed in torch-bf16 in this project, which does not work here: this processor has no bf16\. "
        r"Delete data/teacher"
    )
    with pytest.raises(SharpcamError, match=expected):
        teacher(clips.paths, clips.params)
    assert not (clips.paths.teacher / "b").exists()
    shutil.rmtree(clips.paths.teacher)
    clips.chosen = "torch-fp32"
    assert computed(clips, capsys) == (3, 0)


@pytest.mark.usefixtures("torch_alone")
def test_light_runs_on_a_fresh_clone_without_internet(project, monkeypatch):
    def refuse(self, address):
        raise OSError(f"no way to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    shutil.copytree(ROOT / "weights/bundled", project.paths.bundled)
    project.change(teacher={"chain": "light", "device": "cpu", "precision": "fp32"})
    make_clip(project.paths, "a", FRAMES[:1])
    teacher(project.paths, project.params)
    assert read_frame(project.paths.teacher / "a/000000.png").shape == (128, 160, 3)
    assert not project.paths.downloads.exists()
