"""Students in their web form for the tests of the live page: random, and what Python makes of frames with them."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from dialled import STRONG, dialled_student, estimator, golden_of
from making import photo
from player import SMALL, write_student

from pipeline.core.files import write_bytes
from pipeline.core.geometry import Frame
from pipeline.core.hashing import sha256
from pipeline.export.web_form import Packer
from pipeline.student.contract import Checksum, pack_picture, unpack_picture
from pipeline.student.dials import Dials, DialSection
from pipeline.student.packing import pack_array
from pipeline.student.ranges import POSITIONS
from pipeline.student.web_form import DEFINITION, WEB_SUFFIX, WebForm, WebSection, network

NEUTRAL = (0.25, 0.25, 0.1, 0.25)
SETTINGS = (NEUTRAL, tuple(STRONG), (0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0), (0.9, 0.1, 0.25, 0.62))
SIZES = ((32, 48), (26, 38), (34, 2), (2, 50))  # of frames: whole tiles and not
HIDDEN = 8  # of the perceptron


def random_form(*, channels: int, blocks: int, seed: int) -> tuple[bytes, dict[str, Any]]:
    """The file of a student whose numbers reach from end to end, and the section of its contract."""
    random = np.random.default_rng(seed)
    packer, layers, read = Packer(), [], 0
    for name, kind, shape in network(channels, blocks):
        most, fan_in = np.iinfo(kind).max, np.prod(shape[1:])
        weights = random.integers(-most, most + 1, shape)
        scale = random.uniform(0.5, 1.5, shape[0]) / (0.6 * most * np.sqrt(fan_in))
        bias = random.normal(0, 0.1, shape[0]) + (0.5 if name == "skip" else 0)
        places = {"weights": {"offset": packer.add(weights, kind), "type": kind, "shape": list(shape)}}
        places |= {"scale": packer.add(scale, "<f4"), "bias": packer.add(bias, "<f4")}
        reads = None if name in ("head", "skip") else read
        read += reads is not None
        layers.append({"name": name, **places, "reads": reads})
    return bytes(packer.data), {"definition": DEFINITION, "channels": channels, "blocks": blocks, "layers": layers}


def random_ranges(tensors: int, *, seed: int) -> dict[str, Any]:
    """Ranges at all settings that such a student's tensors may have."""
    random = np.random.default_rng(seed)
    shape = (POSITIONS,) * len(NEUTRAL) + (tensors,)
    low, high = pack_array(-random.uniform(0.3, 1.2, shape)), pack_array(random.uniform(0.8, 2.5, shape))
    return {"tensors": [{"scale": 0, "zero": 0}] * tensors, "low": low, "high": high}


def random_dials(web: dict[str, Any], *, seed: int) -> dict[str, Any]:
    """Dials for such a student, which turn all of its layers."""
    random = np.random.default_rng(seed)
    shapes = {layer["name"]: layer["weights"]["shape"] for layer in web["layers"] if layer["name"] != "skip"}
    layers = [
        {"name": name, "channels": shape[0], "fan_in": int(np.prod(shape[1:])), "float": {"weight": 0, "bias": 0}}
        for name, shape in shapes.items()
    ]
    channels = sum(layer["channels"] for layer in layers)
    perceptron = {
        "hidden_weight": pack_array(random.normal(0, 1, (HIDDEN, len(NEUTRAL)))),
        "hidden_bias": pack_array(random.normal(0, 0.3, HIDDEN)),
        "out_weight": pack_array(random.normal(0, 0.15, (2 * channels, HIDDEN))),
    }
    return {
        "names": list(Dials._fields),
        "range": [0, 1],
        "neutral": list(NEUTRAL),
        "perceptron": perceptron,
        "layers": layers,
        "ranges": random_ranges(len(web["layers"]) - 2, seed=seed),
    }


def form_of(web: dict[str, Any], dials: dict[str, Any], data: bytes) -> WebForm:
    return WebForm(WebSection.model_validate(web), DialSection.model_validate(dials), data)


def answers() -> list[dict[str, Any]]:
    """Students with both numbers of channels, and what Python makes of frames with them at several settings."""
    return [answered(channels=16, blocks=3, seed=1), answered(channels=32, blocks=1, seed=2)]


def answered(*, channels: int, blocks: int, seed: int) -> dict[str, Any]:
    data, web = random_form(channels=channels, blocks=blocks, seed=seed)
    dials = random_dials(web, seed=seed)
    form = form_of(web, dials, data)
    frames = [photo(*size, seed=index) for index, size in enumerate(SIZES)] + [black_and_white(SIZES[0])]
    cases = [
        {"frame": pack_picture(frame), "setting": setting, "crc32": checksum(form, frame, setting)}
        for frame in frames
        for setting in SETTINGS
    ]
    contract = {"web": web, "dials": dials, "scale": 2, "files": {f"student{WEB_SUFFIX}": "0" * 64}}
    return {
        "title": f"{channels} channels",
        "contract": contract,
        "bytes": base64.b64encode(data).decode(),
        "cases": cases,
    }


def checksum(form: WebForm, frame: Frame, setting: Sequence[float]) -> int:
    """Of what Python makes of a frame."""
    return Checksum.of(form.at(Dials(*setting)).enhance(frame)).crc32


def black_and_white(size: tuple[int, int]) -> Frame:
    """The largest sums that there can be."""
    return (255 * np.random.default_rng(3).integers(0, 2, (*size, 3))).astype(np.uint8)


def write_web_formed(onnx_file: Path, *, seed: int = 1, geometry: dict[str, Any] = SMALL, **changes: Any) -> Path:
    """A student with dials and a web form, its contract beside it; with `changes`.

    The ONNX file makes other pictures than the web form, so that tests can tell which of them ran.
    """
    data, section = dialled_student(seed=seed)
    blocks = sum(layer["name"].endswith(".first") for layer in section["layers"])
    packed, web = random_form(channels=16, blocks=blocks, seed=seed)
    section |= {"ranges": random_ranges(len(web["layers"]) - 2, seed=seed)}
    golden = golden_of(data, section)
    form, frame = form_of(web, section, packed), unpack_picture(golden["input"])
    for known, dials in ((golden, section["neutral"]), (golden["strong"], STRONG)):
        known["output_web"] = Checksum.of(form.at(Dials(*dials)).enhance(frame)).model_dump()
    known = {"format": 2, "dials": section, "estimator": estimator(), "golden": golden, "web": web}
    contract = write_student(onnx_file, data, geometry=geometry, **known | changes)
    file = onnx_file.with_name(f"{onnx_file.stem}{WEB_SUFFIX}")
    write_bytes(file, packed)
    content = json.loads(contract.read_text())
    content["files"][file.name] = sha256(file)
    contract.write_text(json.dumps(content))
    return contract


def pythons_web(contract: Path, frame: Frame, dials: Dials) -> Frame:
    """What the numpy reference makes of a frame that is as large as the student reads."""
    content = json.loads(contract.read_text())
    data = contract.with_name(f"{contract.stem}{WEB_SUFFIX}").read_bytes()
    return form_of(content["web"], content["dials"], data).at(dials).enhance(frame)
