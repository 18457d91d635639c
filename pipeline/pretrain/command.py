"""Train a network that ships with sharpcam on clean photographs through the simulated camera.

It is measured on photographs held out. No DVC stage: what it gives goes to weights/bundled/. recipes/ holds a recipe
for each network: the restorer, which is the bundled teacher, and the students.
"""

import argparse
from pathlib import Path

import torch

from pipeline.core.command import only_once, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.pretrain.evaluate import evaluate
from pipeline.pretrain.loop import Budget, start_tracking, train
from pipeline.pretrain.photos import load_photos
from pipeline.pretrain.recipe import RECIPES, load_recipe
from pipeline.student.dials import in_range


def parse_arguments(arguments: list[str] | None, recipe: str | None = None) -> argparse.Namespace:
    """The command line; it has to name a recipe where `recipe` does not."""
    parser = command_parser(f"pipeline.{recipe or 'pretrain'}", __doc__)
    if recipe:  # a command of its own
        parser.set_defaults(recipe=recipe)
    else:
        named = "a name in pipeline/pretrain/recipes, such as student_m, or the path of a recipe"
        parser.add_argument("recipe", help=named)
    parser.add_argument("--photos", type=Path, required=True, metavar="FOLDER", help="clean photographs")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, metavar="M", help="train so long, all runs together")
    length.add_argument("--steps", type=int, metavar="N", help="train so many steps; default: the recipe's")
    parser.add_argument("--start", type=Path, metavar="FILE", help="begin with these weights instead of random ones")
    parser.add_argument("--keep", type=float, default=0.0, metavar="SHARE", help="of --start's weights in the result")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: its place in weights/bundled")
    parser.add_argument("--evaluate", action="store_true", help="train nothing, measure the file --output")
    return parser.parse_args(arguments)


def recipe_file(asked: str) -> Path:
    """The recipe of that name among those that ship, or the path itself."""
    return Path(asked) if asked.endswith(".yaml") else RECIPES / f"{asked}.yaml"


def positive(minutes: float | None) -> float | None:
    """`minutes` as they are. Raises SharpcamError where that is no time."""
    if minutes is not None and not minutes > 0:
        raise SharpcamError(f"--minutes {minutes} is no time to train. Give a number above 0.")
    return minutes


def main(arguments: list[str] | None = None, *, recipe: str | None = None) -> int:
    """Train or evaluate in the current folder; gives the exit status."""
    asked = parse_arguments(arguments, recipe)

    def work() -> None:
        recipe = load_recipe(recipe_file(asked.recipe), **({} if asked.steps is None else {"steps": asked.steps}))
        photos = load_photos(asked.photos, held_out=recipe.held_out, smallest_px=recipe.scene_px)
        paths = Paths()
        output = asked.output or paths.bundled / f"{recipe.model}.safetensors"
        if asked.evaluate:
            evaluate(output, photos, recipe)
            return
        torch.set_num_threads(max(1, torch.get_num_threads() // recipe.workers))
        budget = Budget(recipe.steps, positive(asked.minutes))
        with only_once(f"pretrain-{Path(asked.recipe).stem}", paths=paths):
            train(
                photos,
                recipe,
                budget,
                cache=paths.cache / "pretrain",
                output=output,
                start=asked.start,
                keep=in_range(asked.keep, name="--keep"),
                track=start_tracking,
            )

    return run_command(work)
