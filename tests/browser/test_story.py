"""The story that has to work: see it, record my camera, teach, train, see mine against before, keep it, use it.

In one flow of presses, without a terminal, in a real Chromium whose camera is a file, from a fresh project.
"""

from pathlib import Path

import chromium as chromiums
import pytest
from playwright.sync_api import Playwright

from benchmarks.dashboard import dashboard
from benchmarks.player_site import write_camera
from benchmarks.story import MOST_BYTES, SMALL_CAMERA, photographer, prepare, tell, visitor


@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_the_story_from_a_first_look_to_a_student_of_ones_own_camera(playwright: Playwright, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    prepare(project, small=True)
    camera = write_camera(tmp_path / "camera.y4m", size=SMALL_CAMERA, frames=60)
    browser = chromiums.launch(playwright, camera=camera)
    pictures = tmp_path / "pictures"
    with dashboard(project) as address:
        page = visitor(browser)
        tell(page, address.replace("127.0.0.1", "localhost"), photographer(page, pictures))
    browser.close()
    kept = sorted(pictures.iterdir())
    assert len(kept) == 20  # ten steps, wide and on a phone
    assert max(picture.stat().st_size for picture in kept) <= MOST_BYTES
