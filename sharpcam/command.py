"""`sharpcam NAME ARGUMENTS`: what `python -m MODULE ARGUMENTS` does, by one name that one can remember."""

import difflib
import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline import __version__
from pipeline.core.program import CALLED_AS

USAGE_ERROR = 2
HELP, VERSION = ("-h", "--help", "help"), ("-V", "--version")


@dataclass(frozen=True)
class Command:
    """A module with a command line of its own."""

    name: str
    module: str
    about: str  # fits a line of 80 columns with the longest name


COMMANDS: dict[str, tuple[Command, ...]] = {  # by group, in the order in which one comes to need them
    "Enhance a picture": (
        Command("enhance", "pipeline.enhance", "pictures, videos, folders and cameras, at twice the size"),
        Command("live", "app.live", "your camera through the student, in your browser"),
        Command("doctor", "pipeline.doctor", "what is missing on this machine, and how to get it"),
    ),
    "The stages, in a project (dvc repro runs those that are not up to date)": (
        Command("capture", "pipeline.capture", "1. record a camera, a video or the demo"),
        Command("teacher", "pipeline.teacher", "2. enhance the recorded frames, slowly and well"),
        Command("split", "pipeline.split", "3. choose which clips train and which validate"),
        Command("train", "pipeline.train", "4. teach the student the teacher's pictures"),
        Command("export", "pipeline.export", "5. write the student as ONNX, float and int8"),
        Command("evaluate", "pipeline.evaluate", "6. measure quality and speed of the exported student"),
    ),
    "The student that was trained": (
        Command("register", "pipeline.register", "put it into MLflow's registry, with its evaluation"),
        Command("compare", "pipeline.compare", "measure students on the same frames"),
        Command("promote", "pipeline.promote", "make a registered version the champion, or go back"),
        Command("plot", "pipeline.plot", "draw the losses and PSNR of a training"),
    ),
    "The project": (
        Command("dashboard", "app.launch", "start the dashboard and the MLflow UI"),
        Command("forecast", "pipeline.forecast", "how long the teacher would take, before it starts"),
        Command("checks", "pipeline.checks", "find recorded frames that teach nothing"),
        Command("verify", "pipeline.verify", "find what was damaged on disk, and what to do about it"),
        Command("weights", "pipeline.weights", "download and verify weights of others' networks"),
        Command("backup", "pipeline.backup", "put the whole state into one file, and bring it back"),
        Command("cleanup", "pipeline.cleanup", "list what can be removed to make room, and remove it"),
        Command("standalone", "app.standalone", "write the live page as a folder for any web server"),
    ),
    "The networks that ship": (
        Command("pretrain", "pipeline.pretrain", "train one of them on photographs"),
        Command("restorer", "pipeline.restorer", "train the bundled teacher on photographs"),
    ),
}
BY_NAME = {command.name: command for group in COMMANDS.values() for command in group}


def help_text() -> str:
    """The table of commands, below how to call them."""
    column = max(map(len, BY_NAME)) + 2
    lines = ["usage: sharpcam COMMAND ...", "", "A tiny network enhances your camera's picture."]
    for title, group in COMMANDS.items():
        lines += ["", f"{title}:", *(f"  {each.name:<{column}}{each.about}" for each in group)]
    return "\n".join([*lines, "", '"sharpcam COMMAND --help" explains one; "sharpcam --version" prints the version.'])


def run(command: Command, arguments: Sequence[str]) -> None:
    """Be `python -m MODULE ARGUMENTS`, by the command's own name. Ends as the module does, mostly by SystemExit."""
    CALLED_AS.set(f"sharpcam {command.name}")
    sys.argv[1:] = arguments
    runpy.run_module(command.module, run_name="__main__", alter_sys=True)  # so that its processes find it again


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives the exit status."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or HELP[:1]
    if name in HELP:
        print(help_text())
    elif name in VERSION:
        print(f"sharpcam {__version__}")
    elif name in BY_NAME:
        run(BY_NAME[name], rest)
    else:
        print(f"sharpcam: {_unknown(name)}", file=sys.stderr)
        return USAGE_ERROR
    return 0


def _unknown(name: str) -> str:
    nearest = difflib.get_close_matches(name, BY_NAME, n=1)
    meant = f'Did you mean "{nearest[0]}"? ' if nearest else ""
    return f'There is no command "{name}". {meant}"sharpcam --help" lists all.'
