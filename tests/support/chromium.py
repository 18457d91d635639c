"""The Chromium that the browser tests drive: where it is, how it is started, and how it comes onto a bare machine.

python tests/support/chromium.py
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

COMMON = ("--no-sandbox", "--disable-dev-shm-usage")
FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
SOFTWARE_WEBGPU = (  # fewer of them lose the device; for correctness only
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
)


def find(playwright: Playwright) -> str | None:
    """The system's Chromium, else Playwright's own, else nothing."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def launch(playwright: Playwright, *flags: str, camera: Path | None = None) -> Browser:
    """A headless Chromium; `camera` is a .y4m or .mjpeg file that its camera shows again and again."""
    fake = (*FAKE_CAMERA, f"--use-file-for-fake-video-capture={camera}") if camera else ()
    return playwright.chromium.launch(
        executable_path=find(playwright),
        args=["--headless=new", *COMMON, *fake, *flags],
        ignore_default_args=["--headless", "--disable-gpu"] if flags else ["--headless"],
    )


def install() -> None:
    """apt where it is root on Debian, else Playwright's own; where neither works the tests are skipped by name."""
    with sync_playwright() as playwright:
        there = find(playwright)
    if there:
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], check=False)
        if shutil.which("chromium"):
            return
    done = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    if done.returncode:
        print("sharpcam: no Chromium could be installed; the browser tests are skipped. Install one by hand.")


if __name__ == "__main__":
    install()
