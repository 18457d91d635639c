"""The live page without a server of its own: a folder that any static host can serve.

python -m app.standalone dist/ [--model champion --model bundled:student_s]
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from app.isolation import ISOLATION, protection
from app.live import assets, options
from app.live.shelves import WEB
from pipeline.core.clips import unfinished
from pipeline.core.command import only_once, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.student.catalogue import Model, available, browser_files, find, read_contract

HERE = Path(__file__).with_name("live")
OPTIONS = "options.json"
MODELS = "models"
OURS = {OPTIONS, MODELS, "_headers", "index.html", "ort", "web"}  # tell a folder that this made


def write_standalone(target: Path, names: list[str], paths: Paths) -> None:
    """Write the folder `target`, whole or not at all; one that this made before is replaced.

    Without names: every bundled student. Raises SharpcamError where something is missing or `target` is in use.
    """
    if target.exists() and not _is_ours(target):
        raise SharpcamError(f"{target} is something else, and nothing is overwritten. Name a new folder.")
    if not assets.are_there():
        raise SharpcamError(f"{assets.MISSING} first.")
    models = [find(name, paths) for name in dict.fromkeys(names)] or _bundled(paths)
    part = unfinished(target.resolve())
    with only_once("standalone", paths=paths):
        shutil.rmtree(part, ignore_errors=True)
        try:
            _fill(part, models, paths)
            shutil.rmtree(target, ignore_errors=True)
            part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _is_ours(target: Path) -> bool:
    """Whether it is an empty folder, or one that this made."""
    if not target.is_dir() or target.is_symlink():
        return False
    return not any(target.iterdir()) or {path.name for path in target.iterdir()} >= OURS


def _bundled(paths: Paths) -> list[Model]:
    return [model for model in available(paths) if model.name.startswith("bundled:")] or [find(None, paths)]


def _fill(folder: Path, models: list[Model], paths: Paths) -> None:
    shutil.copytree(WEB, folder / "web", ignore=shutil.ignore_patterns("*.test.mjs"))
    shutil.copytree(assets.INTO, folder / "ort", ignore=shutil.ignore_patterns("*.gz"))
    if assets.ENGINE.is_dir():  # else ONNX Runtime does all of it
        shutil.copytree(assets.ENGINE, folder / "engine")
    described = [_put_model(model, folder, paths) for model in models]
    base = {name: f"{name}/" for name in options.FOLDERS}
    content = {"models": described, "base": base, "sample": None, "capture": None}
    sample = options.sample_file(paths)
    if sample.is_file():
        shutil.copy(sample, folder)
        content["sample"] = {"url": sample.name, "title": options.SAMPLE_TITLE}
    settings = {"model": models[0].name, "compareWith": None}
    (folder / OPTIONS).write_text(json.dumps(content | {"settings": settings}, indent=2) + "\n")
    shutil.copy(HERE / "standalone.html", folder / "index.html")
    (folder / "_headers").write_text(_headers())
    (folder / "README.md").write_text(_readme())


def _put_model(model: Model, folder: Path, paths: Paths) -> dict[str, Any]:
    described = options.describe(model, paths, root=MODELS)
    contract = Path(described["contract"].partition("?")[0])
    for name in (contract.name, *browser_files(read_contract(model.contract))):
        address = folder / contract.with_name(name)
        address.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.registry / contract.relative_to(MODELS).with_name(name), address)
    return described


def headers() -> dict[str, str]:
    """The headers that the folder's host should send."""
    return ISOLATION | protection(HERE / "standalone.html")


def _headers() -> str:
    """For hosts that read such a file."""
    lines = ["/*", *(f"  {name}: {value}" for name, value in headers().items())]
    return "\n".join([*lines, f"/{MODELS}/*", "  Cache-Control: public, max-age=31536000, immutable", ""])


def _readme() -> str:
    named = "\n".join(f"    {name}: {value}" for name, value in headers().items())
    return (
        "sharpcam's live page. Serve this folder from any static host over https (`python -m http.server` will do on\n"
        "this machine). It works as it is, on one thread; with these headers the browser gives it several, and\n"
        f"hosts that read `_headers` send them:\n\n{named}\n"
    )


def main() -> int:
    """Write the folder that is named."""
    parser = command_parser("app.standalone", __doc__)
    parser.add_argument("target", type=Path, help="folder to write, such as dist/")
    parser.add_argument("--model", action="append", default=[], help="champion, version:3, bundled:student_s, a file")
    arguments = parser.parse_args()

    def write() -> None:
        write_standalone(arguments.target, arguments.model, Paths.here())
        print(f"{arguments.target} is ready: python -m http.server --directory {arguments.target}")

    return run_command(write)


if __name__ == "__main__":
    sys.exit(main())
