"""The live page without a server of its own: a folder that any static host can serve.

python -m app.standalone dist/ [--model champion --model bundled:student_s] [--without-onnxruntime]

The page runs students in their web form by itself; ONNX Runtime, which is nearly all of the folder, is fetched only for
WebGPU and for other students.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from app.isolation import ISOLATION, protection
from app.live import assets, offline, options
from app.live.brief import Brief, brief
from app.live.shelves import WEB
from app.live.slim import slim
from pipeline.core.clips import unfinished
from pipeline.core.command import only_once, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.student.catalogue import Model, available, browser_files, find, read_contract, web_file

HERE = Path(__file__).with_name("live")
OPTIONS = "options.json"
MODELS = "models"
SLIMMED = (".mjs", ".css")
OURS = {OPTIONS, MODELS, "_headers", "index.html", "web"}  # tell a folder that this made


def write_standalone(target: Path, names: list[str], paths: Paths, *, runtime: bool = True) -> None:
    """Write the folder `target`, whole or not at all; one that this made before is replaced.

    Without names: every bundled student, of those that the page can run. `runtime`: with ONNX Runtime. Raises
    SharpcamError where something is missing or `target` is in use.
    """
    if target.exists() and not _is_ours(target):
        raise SharpcamError(f"{target} is something else, and nothing is overwritten. Name a new folder.")
    if runtime and not assets.are_there():
        raise SharpcamError(f"{assets.MISSING} first.")
    models = [find(name, paths) for name in dict.fromkeys(names)] or _bundled(paths, runtime=runtime)
    part = unfinished(target.resolve())
    with only_once("standalone", paths=paths):
        shutil.rmtree(part, ignore_errors=True)
        try:
            _fill(part, models, paths, runtime=runtime)
            shutil.rmtree(target, ignore_errors=True)
            part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _is_ours(target: Path) -> bool:
    """Whether it is an empty folder, or one that this made."""
    if not target.is_dir() or target.is_symlink():
        return False
    return not any(target.iterdir()) or {path.name for path in target.iterdir()} >= OURS


def _bundled(paths: Paths, *, runtime: bool) -> list[Model]:
    bundled = [model for model in available(paths) if model.name.startswith("bundled:")]
    return [model for model in bundled if runtime or brief(read_contract(model.contract))] or [find(None, paths)]


def _fill(folder: Path, models: list[Model], paths: Paths, *, runtime: bool) -> None:
    _put_modules(folder / "web")
    if runtime:
        shutil.copytree(assets.INTO, folder / "ort", ignore=shutil.ignore_patterns("*.gz"))
    if assets.ENGINE.is_dir():  # else ONNX Runtime does all of it
        shutil.copytree(assets.ENGINE, folder / "engine")
    described = [_put_model(model, folder, paths, runtime=runtime) for model in models]
    base = {name: f"{name}/" for name in options.FOLDERS} | ({} if runtime else {"ort": None})
    content = {"models": described, "base": base, "sample": None, "capture": None, "offline": offline.SCRIPT}
    sample = options.sample_file(paths)
    if sample.is_file():
        shutil.copy(sample, folder)
        content["sample"] = {"url": sample.name, "title": options.SAMPLE_TITLE}
    (folder / OPTIONS).write_text(json.dumps(content | {"light": options.light(described), "settings": {}}))
    shutil.copy(HERE / "standalone.html", folder / "index.html")
    of_runtime = [folder / model[part].partition("?")[0] for model in described for part in _unasked(model)]
    offline.make_installable(folder, later=[folder / "ort", *of_runtime])
    (folder / "_headers").write_text(_headers())
    (folder / "README.md").write_text(_readme())


def _put_modules(into: Path) -> None:
    into.mkdir(parents=True)
    for file in WEB.iterdir():
        if file.suffix not in SLIMMED:
            shutil.copy(file, into)
        elif file != offline.SOURCE:
            (into / file.name).write_text(slim(file.read_text(encoding="utf-8")), encoding="utf-8")


def _unasked(model: dict[str, Any]) -> tuple[str, ...]:
    """The parts of a model that are fetched for ONNX Runtime only."""
    return ("contract", "onnx") if "brief" in model else ()


def _put_model(model: Model, folder: Path, paths: Paths, *, runtime: bool) -> dict[str, Any]:
    described = options.describe(model, paths, root=MODELS)
    address = Path(described["contract"].partition("?")[0])
    laid_out = paths.registry / address.relative_to(MODELS)
    contract = read_contract(laid_out)
    short = brief(contract)
    if short is None and not runtime:
        raise SharpcamError(
            f"{model.title} needs ONNX Runtime. Leave --without-onnxruntime out, or name another student."
        )
    (folder / address).parent.mkdir(parents=True, exist_ok=True)
    needed = [address.name, *browser_files(contract)] if runtime else [web_file(contract)]
    for name in needed:
        shutil.copy(laid_out.with_name(name), folder / address.with_name(name))
    return described | ({"brief": _put_brief(short, folder, address)} if short else {})


def _put_brief(short: Brief, folder: Path, contract: Path) -> str:
    """Write the brief contract beside the whole one, and the estimator, which students share; gives the address."""
    address = contract.with_name(f"{contract.stem}_brief.json")
    (folder / address).write_text(json.dumps(short.content, separators=(",", ":")))
    if short.estimator:
        file = folder / address.parent / short.content["estimator"]["file"]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(short.estimator)
    return str(address)


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
        "this machine). It can be installed, and works without a network once it was opened. Without these headers\n"
        "browsers give it one thread at first, and several when it is opened again; with them it has several at once.\n"
        f"Hosts that read `_headers` send them:\n\n{named}\n"
    )


def main() -> int:
    """Write the folder that is named."""
    parser = command_parser("app.standalone", __doc__)
    parser.add_argument("target", type=Path, help="folder to write, such as dist/")
    parser.add_argument("--model", action="append", default=[], help="champion, version:3, bundled:student_s, a file")
    parser.add_argument(
        "--without-onnxruntime",
        action="store_true",
        help="1 MB: no WebGPU, only students in their web form",
    )
    arguments = parser.parse_args()

    def write() -> None:
        write_standalone(arguments.target, arguments.model, Paths.here(), runtime=not arguments.without_onnxruntime)
        print(f"{arguments.target} is ready: python -m http.server --directory {arguments.target}")

    return run_command(write)


if __name__ == "__main__":
    sys.exit(main())
