"""How near each chain of the teacher comes to the truth on the simulated clips, and what it makes of a real one.

python -m benchmarks.chains [--chains bundled classical] [--every 5] [--sheet docs/chains.png --real ../clip.mp4]
python -m benchmarks.chains --chains light bundled --backends

The second form has each chain in every backend of the CPU, and what each of these costs against fp32. Clips are those
of data/raw that have a truth ("dvc repro capture" makes them); none of them trains a chain's network.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import decode_frame, encode_frame
from pipeline.core.geometry import Frame, enlarge
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.core.progress import progress
from pipeline.teacher.backends import BACKENDS, REFERENCE
from pipeline.teacher.chain import Chain, build_chain
from pipeline.teacher.device import Engine
from training.metrics import psnr
from training.pairs import to_picture

BICUBIC = "bicubic"
SHEET_PX = 300  # side of a cut-out on the contact sheet
CAPTION_PX = 26

View = tuple[Frame, Frame | None]  # a raw frame, and its truth where there is one


@dataclass(frozen=True)
class Scored:
    """What one chain made of one frame."""

    clip: str
    chain: str
    psnr_db: float
    seconds: float
    glitches: tuple[str, ...]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chains", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--chains", nargs="+", metavar="NAME", help="of params.yaml; default: each that can run here")
    parser.add_argument("--backends", action="store_true", help="a column for each chain in each backend")
    parser.add_argument("--every", type=int, default=5, help="take every n-th frame of a clip")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="also write a contact sheet there")
    parser.add_argument("--real", type=Path, nargs="+", default=[], metavar="CLIP", help="real clips for the sheet")
    asked = parser.parse_args(arguments)
    return run_command(lambda: run(asked))


def run(asked: argparse.Namespace) -> None:
    """Print the table, and write the sheet where one is asked for."""
    params, paths = load_params(Paths().params), Paths()
    chains = ready_chains(asked.chains, params, paths)
    if asked.backends:
        chains = in_backends(chains)
    frames = list(frames_with_truth(paths, every=asked.every))
    if not frames:
        raise SharpcamError('No clip in data/raw has a truth. Run "dvc repro capture" with capture.source: demo.')
    scores = [scored for frame in progress(frames, what="chains") for scored in score(*frame, chains, params)]
    print(table(scores))
    for line in costs(scores) if asked.backends else ():
        print(line)
    if asked.sheet:
        views: list[View] = [(load(raw), load(truth)) for _, raw, truth in (frames[0], frames[len(frames) // 2])]
        views += [(frame, None) for clip in asked.real for frame in islice(real_frames(clip), 1)]
        asked.sheet.write_bytes(encode_frame(sheet(views, chains, params)))
        print(f"wrote {asked.sheet}")


def ready_chains(names: list[str] | None, params: Params, paths: Paths) -> dict[str, Chain]:
    """The chains by name. Raises SharpcamError for one that is asked for and cannot run; says which are left out."""
    ready = {}
    for name in names or params.teacher.chains:
        if name not in params.teacher.chains:
            raise SharpcamError(f'No chain is called "{name}". Known: {", ".join(params.teacher.chains)}.')
        engine = Engine(paths.bundled, paths.downloads, params.teacher.device, params.teacher.precision)
        chain = build_chain(params.teacher.model_copy(update={"chain": name}), geometry=params.geometry, engine=engine)
        try:
            chain.load()
        except SharpcamError as error:
            if names:
                raise
            print(f"{name}: left out. {error}")
        else:
            ready[name] = chain
    return ready


def in_backends(chains: dict[str, Chain]) -> dict[str, Chain]:
    """Each chain in each backend that can run it here, as "chain backend"; says which are left out."""
    expanded = {}
    for name, chain in chains.items():
        for backend in BACKENDS:
            one = chain.in_backend(backend)
            try:
                one.load()
            except SharpcamError as error:
                print(f"{name} {backend}: left out. {error}")
            else:
                expanded[f"{name} {backend}"] = one
    return expanded


def costs(scores: list[Scored]) -> Iterator[str]:
    """What each backend costs against fp32 in torch: the mean over all frames, and the frame where it costs most."""
    names = dict.fromkeys(one.chain for one in scores if one.chain != BICUBIC)
    psnr_db = {name: np.array([one.psnr_db for one in scores if one.chain == name]) for name in names}
    for name in names:
        lost = psnr_db[f"{name.split()[0]} {REFERENCE}"] - psnr_db[name]
        yield f"{name} costs {lost.mean():+.3f} dB, at most {lost.max():+.3f}"


def frames_with_truth(paths: Paths, *, every: int) -> Iterator[tuple[str, Path, Path]]:
    """Clip, raw file and file of the truth."""
    for clip in sorted(folder for folder in paths.truth.glob("*") if folder.is_dir()):
        for truth in sorted(clip.glob("*.png"))[::every]:
            yield clip.name, paths.raw / clip.name / truth.name, truth


def load(file: Path) -> Frame:
    """The picture in `file`, (H, W, 3) uint8."""
    return decode_frame(file.read_bytes(), name=str(file))


def real_frames(clip: Path) -> Iterator[Frame]:
    """The frames of a video, one a second or so: its first is often dark."""
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % 30 == 29:
                yield frame.to_ndarray(format="rgb24")


def as_tensor(frame: Frame) -> torch.Tensor:
    """(1, 3, H, W) in 0..1."""
    return to_picture(torch.from_numpy(frame)[None])


def score(clip: str, raw: Path, truth: Path, chains: dict[str, Chain], params: Params) -> Iterator[Scored]:
    """What bicubic and each chain make of one frame."""
    frame, target = load(raw), as_tensor(load(truth))
    doubled = enlarge(frame, geometry=params.geometry, kernel="bicubic")
    yield Scored(clip, BICUBIC, float(psnr(as_tensor(doubled), target)), 0.0, ())
    for name, chain in chains.items():
        started = time.perf_counter()
        enhanced = chain.enhance(frame)
        spent = time.perf_counter() - started
        near = float(psnr(as_tensor(enhanced.frame), target))
        yield Scored(clip, name, near, spent, enhanced.glitches)


def table(scores: list[Scored]) -> str:
    """PSNR against truth of each chain on each clip, means, gains over bicubic and seconds a frame, as Markdown."""
    chains, clips = (list(dict.fromkeys(getattr(one, key) for one in scores)) for key in ("chain", "clip"))
    mean = {
        (clip, chain): float(np.mean([one.psnr_db for one in scores if (one.clip, one.chain) == (clip, chain)]))
        for clip in clips
        for chain in chains
    }
    whole = {chain: float(np.mean([mean[clip, chain] for clip in clips])) for chain in chains}
    rows = [f"| PSNR against truth, dB | {' | '.join(chains)} |", f"| --- |{' --- |' * len(chains)}"]
    rows += [f"| {clip} | " + " | ".join(f"{mean[clip, chain]:.2f}" for chain in chains) + " |" for clip in clips]
    rows.append("| **mean** | " + " | ".join(f"**{whole[chain]:.2f}**" for chain in chains) + " |")
    rows.append("| above bicubic | " + " | ".join(f"{whole[chain] - whole[BICUBIC]:+.2f}" for chain in chains) + " |")
    spent = {chain: float(np.median([one.seconds for one in scores if one.chain == chain])) for chain in chains}
    rows.append("| s a frame | " + " | ".join(f"{spent[chain]:.2f}" if spent[chain] else "" for chain in chains) + " |")
    held_back = {chain: sum(bool(one.glitches) for one in scores if one.chain == chain) for chain in chains}
    count = len(scores) // len(chains)
    rows.append(
        "| frames the guard held back | " + " | ".join(f"{held_back[chain]} of {count}" for chain in chains) + " |"
    )
    return "\n".join(rows)


def sheet(views: list[View], chains: dict[str, Chain], params: Params) -> Frame:
    """A row of cut-outs for each view, the one with most detail, a column for each chain and for the truth."""
    names = [BICUBIC, *chains, "truth"]
    rows = [captions(names)]
    for raw, truth in views:
        pictures = [enlarge(raw, geometry=params.geometry, kernel="bicubic")]
        pictures += [chain.enhance(raw).frame for chain in chains.values()]
        pictures.append(np.full_like(pictures[0], 255) if truth is None else truth)
        y, x = busiest(pictures[0])
        rows.append(np.hstack([picture[y : y + SHEET_PX, x : x + SHEET_PX] for picture in pictures]))
    return np.ascontiguousarray(np.vstack(rows))


def captions(names: list[str]) -> Frame:
    """The line of names above the columns."""
    line = np.full((CAPTION_PX, SHEET_PX * len(names), 3), 255, np.uint8)
    for index, name in enumerate(names):
        at = (index * SHEET_PX + 8, CAPTION_PX - 8)
        cv2.putText(line, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (30, 30, 30), 1, cv2.LINE_AA)
    return line


def busiest(picture: Frame) -> tuple[int, int]:
    """Top and left of the square of SHEET_PX with most edges."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    edges = cv2.boxFilter(
        np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 2), cv2.CV_32F)), -1, (SHEET_PX, SHEET_PX)
    )
    half = SHEET_PX // 2
    inside = edges[half : edges.shape[0] - half, half : edges.shape[1] - half]
    y, x = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(y), int(x)


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    sys.exit(main())
