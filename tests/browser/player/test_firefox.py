"""Our own engine in Firefox: the same bits as in Python, on every tier, with threads and without."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import firefox as firefoxes
import numpy as np
import pytest
from making import ROOT, photo
from player import ALONE, PIXELS
from web_formed import pythons_web, write_web_formed

from app.isolation import ISOLATION
from app.live import assets
from benchmarks.player_site import build_site, served
from pipeline.core.frames import encode_frame
from pipeline.core.geometry import Frame
from pipeline.student.dials import Dials
from training.models.dials import NEUTRAL

pytestmark = pytest.mark.slow
FRAME = photo(128, 160, seed=4)
SETTINGS = (Dials(*NEUTRAL), Dials(*NEUTRAL)._replace(noise=0.9))
PLAYS = """(async () => {
    const bytes = Uint8Array.from(atob("%s"), (character) => character.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], "photo.png", { type: "image/png" }));
    const pause = () => new Promise((resolve) => setTimeout(resolve, 50));
    while (!window.player) await pause();
    const input = document.querySelector("input[type=file]");
    input.files = files.files;
    input.dispatchEvent(new Event("change"));
    while (!player.session.engine?.last) {
        if (player.session.error) throw new Error(player.session.error);
        await pause();
    }
    return [player.session.engine.backend, player.session.engine.threads, player.session.notes];
})()"""
STARTS = """(async () => {
    while (!window.player) await new Promise((resolve) => setTimeout(resolve, 50));
    document.querySelector("[data-name=start]").click();
})()"""
TURNS = "player.session.engine.call('turn', {setting: %s}).then(() => player.session.playback.refresh())"


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_web_formed(tmp_path_factory.mktemp("student") / "plain.onnx", estimator=None)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[firefoxes.Firefox]:
    program = firefoxes.find()
    if program is None:
        pytest.skip("no Firefox here")
    with firefoxes.firefox(program, tmp_path_factory.mktemp("firefox") / "profile") as started:
        yield started


def shown(browser: firefoxes.Firefox) -> Frame:
    width, height, data = browser.evaluate(f"({PIXELS})()")
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[..., :3]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("tier", assets.TIERS)
def test_every_tier_gives_pythons_bits(
    browser: firefoxes.Firefox, student: Path, tmp_path: Path, tier: str, threads: int
) -> None:
    site = build_site(tmp_path / "site", [student], settings=ALONE)
    (site / "engine").unlink()
    (site / "engine").mkdir()
    for file in assets.ENGINE.glob(f"layers-{tier}*.wasm"):
        (site / "engine" / file.name).symlink_to(file)
    with served(site, headers=ISOLATION if threads > 1 else {}) as address:
        browser.goto(address)
        runs = browser.evaluate(PLAYS % base64.b64encode(encode_frame(FRAME)).decode())
        assert runs[:2] == [f"WASM {tier}", threads], runs
        for setting in SETTINGS:
            browser.evaluate(TURNS % json.dumps(setting))
            expected = pythons_web(student, FRAME, setting)
            while not np.array_equal(shown(browser), expected):  # until the test's own limit
                pass


def test_a_camera_is_shown_and_measured(browser: firefoxes.Firefox, tmp_path: Path) -> None:
    site = build_site(tmp_path / "site", [ROOT / "weights/bundled/student_s.json"])
    sent: list[tuple[str, int]] = []
    with served(site, sent=sent) as address:
        browser.goto(address)
        browser.evaluate(STARTS)
        while not browser.evaluate("states.at(-1)?.fps > 0 && /blur/.test(player.session.dials.camera)"):
            assert not browser.evaluate("player.session.error")
        assert browser.evaluate("player.session.engine.backend").startswith("WASM ")
    assert not [path for path, _ in sent if path.startswith("/ort/")]
