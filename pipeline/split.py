"""Stage 3: which frames train and which only validate. Every camera gives a share of its own to validation.

Of a camera with several clips that is whole clips, of one with a single clip its end, after a gap: consecutive frames
are near-duplicates, and a random split of frames would validate on what the student has seen. What has a side in the
split before keeps it, so that figures stay comparable when clips are added.
"""

import random
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pipeline.core.clip_rules import usable_clips
from pipeline.core.clips import camera_of, find_clips, find_frames
from pipeline.core.command import stage_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.frames import PNG_SIGNATURE, png_size, read_frame
from pipeline.core.params import GeometryParams, Params
from pipeline.core.paths import Paths
from pipeline.core.split_file import Part, Rule, Split, read_split

FEWEST = 2  # validation frames: a single picture says little of a student, and nothing of its flicker
SHORT_CLIPS = "clips too short to be cut"  # they are divided like the clips of one camera
NO_SPLIT = Split.model_construct(training={}, validation={})


def split(paths: Paths, params: Params) -> None:
    """The stage: check that every raw frame has its teacher picture, assign clips, write data/split.json."""
    taken = usable_clips(take(find_clips(paths.raw), leave_out=params.split.leave_out), stage="split", paths=paths)
    clips = {clip.name: check_clip(clip, paths, params.geometry) for clip in taken}
    usable = {name: stems for name, stems in clips.items() if stems}
    rule = Rule(seed=params.seed, **params.split.model_dump(exclude={"leave_out"}))
    cameras = {clip.name: camera_of(clip) for clip in taken}
    training, validation = divide(usable, cameras, before=split_before(paths, rule), rule=rule)
    refuse_unless_enough(usable, training, validation, rule)
    write_json(paths.split, {"training": training, "validation": validation, "rule": rule.model_dump()})
    print(f"split: {_count(training)} training frames, {_count(validation)} validation frames: {', '.join(validation)}")


def split_before(paths: Paths, rule: Rule) -> Split:
    """The split that is there, if it was made by the same rule: what somebody asks for now is not held back by it."""
    try:
        before = read_split(paths)
    except SharpcamError:  # none yet, or none that can be read
        return NO_SPLIT
    return before if before.rule == rule else NO_SPLIT


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
    if header[:8] != PNG_SIGNATURE or len(header) < 24:
        read_frame(path)  # says what is wrong with it
    return png_size(header)


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def divide(clips: Part, cameras: Mapping[str, str], *, before: Split, rule: Rule) -> tuple[Part, Part]:
    """(training, validation) of the `clips`, whose `cameras` are given by clip."""
    training, validation = Part(), Part()
    clips_of = Counter(cameras[name] for name in clips)
    whole: dict[str, Part] = {}  # by camera
    for name, stems in clips.items():
        alone = clips_of[cameras[name]] == 1
        cut = cut_as_before(name, stems, before)
        if cut is None and alone and name not in before.training | before.validation:
            cut = cut_in_time(stems, rule)
        if cut is None:
            whole.setdefault(SHORT_CLIPS if alone else cameras[name], {})[name] = stems
        else:
            training[name], validation[name] = cut
    for together in whole.values():
        trains, validates = assign(together, before=before, rule=rule)
        training |= trains
        validation |= validates
    return training, validation


def cut_as_before(clip: str, stems: list[str], before: Split) -> tuple[list[str], list[str]] | None:
    """(training, validation) of a clip that had frames in both; None where it had not, or one of them is empty now."""
    if clip not in before.training or clip not in before.validation:
        return None
    last, first = max(before.training[clip]), min(before.validation[clip])
    training, validation = [stem for stem in stems if stem <= last], [stem for stem in stems if stem >= first]
    return (training, validation) if training and validation else None


def cut_in_time(stems: list[str], rule: Rule) -> tuple[list[str], list[str]] | None:
    """One clip in two: its beginning trains, its end validates, `gap_frames` between do neither. None if too short."""
    validating = max(FEWEST, round(rule.validation_share * len(stems)))
    training = len(stems) - validating - rule.gap_frames
    return (stems[:training], stems[-validating:]) if training > 0 else None


def assign(clips: Part, *, before: Split, rule: Rule) -> tuple[Part, Part]:
    """Whole clips into validation until it holds nearest to its share of all frames; the rest trains, at least one.

    Clips keep the side that they had `before`, unless one side would be empty. Among new clips that fit equally well
    the seed decides.
    """
    validation = [name for name in sorted(clips) if name in before.validation]
    waiting = [name for name in sorted(clips) if name not in before.training | before.validation]
    to_train = len(clips) - len(validation) - len(waiting)
    if not waiting and not (validation and to_train) and before is not NO_SPLIT:
        return assign(clips, before=NO_SPLIT, rule=rule)
    random.Random(rule.seed).shuffle(waiting)
    wanted, held = max(FEWEST, rule.validation_share * _count(clips)), sum(len(clips[name]) for name in validation)
    while len(waiting) > (0 if to_train else 1):
        chosen = min(waiting, key=lambda name: abs(held + len(clips[name]) - wanted))
        if validation and abs(held + len(clips[chosen]) - wanted) >= abs(held - wanted):
            break
        waiting.remove(chosen)
        validation.append(chosen)
        held += len(clips[chosen])
    parts = sorted(clips.keys() - set(validation)), sorted(validation)
    training, validating = ({name: clips[name] for name in part} for part in parts)
    return training, validating


def refuse_unless_enough(clips: Part, training: Part, validation: Part, rule: Rule) -> None:
    """Raise SharpcamError where there is nothing to train on, or next to nothing to validate on."""
    if not clips:
        raise SharpcamError(
            "No clip has a frame that can be used. Record one with python -m pipeline.capture --source 0 --clip desk."
        )
    if not training or _count(validation) < FEWEST:
        longest = max(clips, key=lambda name: len(clips[name]))
        raise SharpcamError(
            f"{longest} has {len(clips[longest])} usable frames, too few for two parts with a gap of {rule.gap_frames}"
            ", and no other clip is longer. Record a longer one, or lower split.gap_frames in params.yaml."
        )


if __name__ == "__main__":
    sys.exit(stage_command("split", split))
