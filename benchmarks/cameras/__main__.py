"""Every method on every family of cameras against the truth, and on real clips without one.

python -m benchmarks.cameras [--photos FOLDER] [--at-most 8] [--methods student_m light] [--families A_jpeg90]
                             [--frames 6] [--json FILE] [--real CLIP ...] [--sheet docs/cameras.jpg]
python -m benchmarks.cameras --streams [--methods student_s] [--photos FOLDER] [--families E_blurred_noisy]

--streams measures what fusing frames through time is worth (docs/calm.md), on two photographs at a time.
Without --photos, photographs that packages ship are taken. Prints Markdown; docs/cameras.md says how to read it.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cameras.methods import Method, Student, methods
from benchmarks.cameras.real import RealScore, look_at, real_table
from benchmarks.cameras.scoring import MODES, Scores, as_json, material, score_family
from benchmarks.cameras.sheet import check_suffix, draw, encoded
from benchmarks.cameras.steadying import StreamScores, score_streams, steadying_table
from benchmarks.cameras.streams import STREAMS
from benchmarks.cameras.tables import mean_gain, names, report, worst_family
from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.geometry import Frame
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.core.progress import progress_bar
from pipeline.enhance.upscaler import Upscaler
from pipeline.families.families import FAMILIES, Family
from pipeline.families.photographs import photographs


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cameras", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="photographs; default: those that packages ship")
    parser.add_argument("--at-most", type=int, metavar="N", help="of the photographs, spread over the folder")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="default: all that can run here")
    parser.add_argument("--families", nargs="+", metavar="NAME", help=f"of {', '.join(FAMILIES)}; default: all")
    parser.add_argument("--frames", type=int, default=6, metavar="N", help="of each shot; the last one is compared")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--real", type=Path, nargs="+", default=[], metavar="CLIP", help="real clips, without truth")
    parser.add_argument("--streams", action="store_true", help="what fusing frames through time is worth")
    parser.add_argument("--sheet", type=Path, metavar="PICTURE", help="write a contact sheet there, .png or .jpg")
    asked = parser.parse_args(arguments)
    return run_command(lambda: run(asked))


def run(asked: argparse.Namespace) -> None:
    """Print the tables, and write what is asked for. Raises SharpcamError for what cannot be."""
    check(asked)
    paths = Paths()
    families = chosen_families(asked.families)
    photos = photographs(asked.photos, at_most=asked.at_most)
    found, left_out = methods(asked.methods, load_params(paths.params), paths)
    for name, reason in left_out.items():
        print(f"{name}: left out. {reason}", flush=True)
    if asked.streams:
        print(steadying_table(score_all_streams(families, list(photos.values()), student_of(found))))
        return
    scores = score_all(families, photos, found, frames=asked.frames)
    print(report(scores), flush=True)
    real = {clip.name: look_at(clip, found) for clip in asked.real}
    if real:
        print("\n" + real_table(real), flush=True)
    if asked.json:
        write_json(asked.json, everything(scores, families, photos, left_out, real))
    if asked.sheet:
        asked.sheet.write_bytes(encoded(draw(families, photos, asked.real, found), asked.sheet.suffix))
        print(f"wrote {asked.sheet}")


def check(asked: argparse.Namespace) -> None:
    """Raise SharpcamError for what would otherwise fail only after all the work."""
    if asked.frames < 1:
        raise SharpcamError(f"--frames is {asked.frames}, and a shot has at least one. Give a larger number.")
    if missing := [clip for clip in asked.real if not clip.is_file()]:
        raise SharpcamError(f"There is no clip {missing[0]}. Name a video file.")
    names_of_clips = [clip.name for clip in asked.real]
    if twice := [name for name in names_of_clips if names_of_clips.count(name) > 1]:
        raise SharpcamError(f"Two clips are called {twice[0]}. Rename one, so that the table can tell them apart.")
    if asked.sheet:
        check_suffix(asked.sheet.suffix)


def chosen_families(asked: list[str] | None) -> dict[str, Family]:
    """The families of those names, or all. Raises SharpcamError for an unknown one."""
    if unknown := [name for name in asked or () if name not in FAMILIES]:
        raise SharpcamError(f'No family "{unknown[0]}"; there are: {", ".join(FAMILIES)}.')
    return {name: FAMILIES[name] for name in asked or FAMILIES}


def score_all(families: dict[str, Family], photos: dict[str, Frame], found: list[Method], *, frames: int) -> Scores:
    """The scores of all, under a bar."""
    scores: Scores = {}
    with progress_bar(what="cameras", total=len(families) * len(found) * len(MODES), unit="run") as bar:
        for name, family in families.items():
            scores[name] = score_family(material(name, family, photos, frames=frames), found, bar.update)
    return scores


def student_of(found: list[Method]) -> Upscaler:
    """The first student among the methods. Raises SharpcamError where there is none."""
    for method in found:
        if isinstance(method, Student):
            return method.upscaler
    raise SharpcamError("Streams are measured before a student. Name one with --methods, such as student_s.")


def score_all_streams(families: dict[str, Family], photos: list[Frame], student: Upscaler) -> StreamScores:
    """The same of streams. Raises SharpcamError for less than two photographs."""
    if len(photos) < 2:
        raise SharpcamError("Streams need two photographs: one behind, one in front. Give --photos with more.")
    with progress_bar(what="streams", total=len(families) * len(STREAMS), unit="stream") as bar:
        return score_streams(families, photos, student, bar.update)


def everything(
    scores: Scores,
    families: dict[str, Family],
    photos: dict[str, Frame],
    left_out: dict[str, str],
    real: dict[str, dict[str, RealScore]],
) -> dict[str, Any]:
    """What the JSON holds."""
    return {
        "photos": {name: list(photo.shape) for name, photo in photos.items()},
        "families": {name: {"is": repr(family), "held_out": family.held_out} for name, family in families.items()},
        "left_out": left_out,
        "scores": as_json(scores),
        "mean_gain_db": {mode: {name: mean_gain(scores, mode, name) for name in names(scores, mode)} for mode in MODES},
        "worst_family": {
            mode: {name: worst_family(scores, mode, name) for name in names(scores, mode)} for mode in MODES
        },
        "real": {clip: {name: asdict(one) for name, one in found.items()} for clip, found in real.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
