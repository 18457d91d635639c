"""An exported student: what it answers, what int8 costs, what reads its dials, as its contract says it."""

import math
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.geometry import Frame
from pipeline.export.web_form import Web
from pipeline.student.contract import Checksum, pack_picture
from pipeline.student.dials import Dials, DialSection
from pipeline.student.engines import OnnxRuntime, Running, to_batch

THREADS = 2
STRONG = Dials(0.75, 0.75, 0.5, 0.75)  # of the second known answer
# Half of the corners of all dials, in which any two of them meet in every way.
CORNERS = [Dials(*corner) for corner in product((0.0, 1.0), repeat=4) if sum(corner) % 2 == 0]


@dataclass(frozen=True)
class Built:
    """The bytes of a student's files."""

    exact: bytes
    int8: bytes
    difference: float  # of the float one to torch
    dials: dict[str, Any] | None = None  # the section of the contract
    web: Web | None = None  # of a student for live video with dials

    @property
    def folding(self) -> DialSection:
        """How its dials fold."""
        return DialSection.model_validate(self.dials)

    def web_at(self, dials: Dials) -> Running | None:
        """Its web form, where it has one."""
        return self.web.at(self.folding, dials) if self.web else None


def answers(answer: Frame, int8: bytes, web: Running | None, golden: Frame) -> dict[str, Any]:
    """What each form makes of the golden input: as pictures, but of the web form a checksum."""
    in_int8 = OnnxRuntime(int8, threads=THREADS).enhance(golden)
    known = {"output": pack_picture(answer), "output_int8": pack_picture(in_int8)}
    return known | ({"output_web": Checksum.of(web.enhance(golden)).model_dump()} if web else {})


def strong_answers(made: Built, golden: Frame) -> dict[str, Any]:
    """The same at a setting far from neutral: whoever folds has to find it."""
    section = made.folding
    answer = OnnxRuntime(section.fold_float(made.exact, STRONG), threads=THREADS).enhance(golden)
    int8 = section.fold_int8(made.int8, STRONG)
    return {"dials": list(STRONG)} | answers(answer, int8, made.web_at(STRONG), golden)


def worst_loss(made: Built, frames: list[Frame], *, val_psnr: float) -> dict[str, Any]:
    """What int8 costs in the corner of the dials where that is most."""
    section, losses = made.folding, []
    for corner in CORNERS:
        files = section.fold_float(made.exact, corner), section.fold_int8(made.int8, corner)
        losses.append({"dials": list(corner)} | int8_loss(*files, frames, val_psnr=val_psnr))
    return max(losses, key=lambda loss: loss["loss_db"])


def int8_loss(exact: Path | bytes, int8: Path | bytes, frames: list[Frame], *, val_psnr: float) -> dict[str, Any]:
    """What int8 costs on frames that trained nothing.

    `psnr_to_float` compares the two before rounding. `loss_db` is what becomes of the float student's `val_psnr`
    where that error comes on top of its own, independent of it; `evaluate` measures it against the teacher.
    """
    engines = [OnnxRuntime(model, threads=THREADS) for model in (exact, int8)]
    errors = []
    for frame in frames:
        one, other = (engine.infer(to_batch(frame)).clip(0, 1) for engine in engines)
        errors.append(float(np.square(one - other).mean()))
    added = sum(errors) / len(errors)
    own = 10 ** (-val_psnr / 10)
    return {
        "psnr_to_float": round(-10 * math.log10(max(added, 1e-12)), 3),
        "loss_db": round(10 * math.log10(1 + added / own), 3),
    }


def described(content: dict[str, Any], made: Built, *, frames: int) -> str:
    """What there is to say about an exported student."""
    sizes = f"{len(made.exact) / 1e3:.0f} kB float, {len(made.int8) / 1e3:.0f} kB int8"
    sizes += f", {len(made.web.data) / 1e3:.0f} kB for browsers" if made.web else ""
    to_torch = f"to torch at most {made.difference:.1e} on {frames} real frames"
    said = f"{sizes}; {to_torch}, int8 costs {content['int8']['loss_db']:.3f} dB"
    if "dials" not in content:
        return said
    by = "set by its estimator" if "estimator" in content else "without an estimator"
    return f"{said}, at most {content['int8']['worst']['loss_db']:.3f} dB in the corners of its dials, {by}"
