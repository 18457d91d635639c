"""Stage 3: which clips train and which only judge. Whole clips, or blocks of the one clip with a gap between.

Consecutive frames are near-duplicates: a random split of frames would let the student be judged on what it has seen.
"""

import random
import sys
from pathlib import Path

from pipeline.core.clip_rules import usable_clips
from pipeline.core.clips import find_clips, find_frames
from pipeline.core.command import stage_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.frames import png_size, read_frame
from pipeline.core.params import GeometryParams, Params, SplitParams
from pipeline.core.paths import Paths

Part = dict[str, list[str]]  # clip -> stems of its frames


def split(paths: Paths, params: Params) -> None:
    """The stage: check that every raw frame has its teacher picture, assign clips, write data/split.json."""
    taken = usable_clips(take(find_clips(paths.raw), leave_out=params.split.leave_out), stage="split")
    clips = {clip.name: check_clip(clip, paths, params.geometry) for clip in taken}
    usable = {name: stems for name, stems in clips.items() if stems}
    if len(usable) == 1:
        training, validation = cut_in_time(*usable.popitem(), params=params.split)
    else:
        training, validation = assign(usable, share=params.split.validation_share, seed=params.seed)
    write_json(paths.split, {"training": training, "validation": validation})
    print(f"split: {_count(training)} training frames, {_count(validation)} validation frames: {', '.join(validation)}")


def take(clips: list[Path], *, leave_out: list[str]) -> list[Path]:
    """The clips that are not left out. Raises SharpcamError for a name that none of them has."""
    known = {clip.name for clip in clips}
    for name in leave_out:
        if name not in known:
            raise SharpcamError(
                f'params.yaml: split.leave_out names "{name}", and there is no such clip in data/raw. Remove the name.'
            )
    return [clip for clip in clips if clip.name not in leave_out]


def _count(part: Part) -> int:
    return sum(len(stems) for stems in part.values())


def check_clip(clip: Path, paths: Paths, geometry: GeometryParams) -> list[str]:
    """Stems of the frames fit for training. Raises SharpcamError for a frame without its pair, or one that has not the
    target's size."""
    raw, teacher = find_frames(clip), find_frames(paths.teacher / clip.name)
    refuse_unpaired(raw, teacher)
    for path in teacher:
        if (size := frame_size(path)) != geometry.target:
            raise SharpcamError(
                f'{path} is {_words(size)}, the target is {_words(geometry.target)}. Run "dvc repro teacher".'
            )
    file = paths.teacher / clip.name / "chain.json"
    kept_out = read_json(file, made_by="teacher", like=dict).get("kept_out")
    if not isinstance(kept_out, dict):
        raise SharpcamError(f'{file} does not say which frames are kept out. Run "dvc repro --force teacher".')
    return [path.stem for path in raw if path.stem not in kept_out]


def refuse_unpaired(raw: list[Path], teacher: list[Path]) -> None:
    """Raise SharpcamError naming the first file whose partner is missing."""
    lonely = {path.stem: path for path in raw}
    for path in teacher:
        if lonely.pop(path.stem, None) is None:
            raise SharpcamError(f'{path} has no raw frame of that name. Run "dvc repro teacher" again.')
    if lonely:
        path = min(lonely.values())
        raise SharpcamError(f'{path} has no teacher picture. Run "dvc repro teacher" again.')


def frame_size(path: Path) -> tuple[int, int]:
    """(width, height) from the header of a PNG file."""
    with path.open("rb") as file:
        header = file.read(24)
    if header[:8] != b"\x89PNG\r\n\x1a\n" or len(header) < 24:
        read_frame(path)  # says what is wrong with it
    return png_size(header)


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def assign(clips: dict[str, list[str]], *, share: float, seed: int) -> tuple[Part, Part]:
    """Whole clips into validation until it holds nearest to `share` of all frames; the rest trains.

    Among clips that fit equally well the seed decides. Raises SharpcamError for fewer than two clips.
    """
    if len(clips) < 2:
        raise SharpcamError(
            "No clip has a frame that can be used. Record one with python -m pipeline.capture --source 0 --clip desk."
        )
    waiting = sorted(clips)
    random.Random(seed).shuffle(waiting)
    wanted, held = share * _count(clips), 0
    validation: list[str] = []
    while len(waiting) > 1:
        chosen = min(waiting, key=lambda name: abs(held + len(clips[name]) - wanted))
        if validation and abs(held + len(clips[chosen]) - wanted) >= abs(held - wanted):
            break
        waiting.remove(chosen)
        validation.append(chosen)
        held += len(clips[chosen])
    return {name: clips[name] for name in sorted(waiting)}, {name: clips[name] for name in sorted(validation)}


def cut_in_time(clip: str, stems: list[str], *, params: SplitParams) -> tuple[Part, Part]:
    """One clip in two blocks: its end judges, its beginning trains, `gap_frames` between are left out.

    Raises SharpcamError where a block would be empty.
    """
    judging = max(1, round(params.validation_share * len(stems)))
    training = len(stems) - judging - params.gap_frames
    if training < 1:
        raise SharpcamError(
            f"{clip} has {len(stems)} usable frames, too few for two parts with a gap of {params.gap_frames}. "
            "Record a second clip, or lower split.gap_frames in params.yaml."
        )
    return {clip: stems[:training]}, {clip: stems[-judging:]}


if __name__ == "__main__":
    sys.exit(stage_command("split", split))
