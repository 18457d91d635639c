""" "Make it mine" in the player: what is said and agreed to before, two clips, and what the server is told after."""

import re
from pathlib import Path

import pytest
from making import until
from player import WASM, Open, frames_come, start_camera
from playwright.sync_api import Page, expect

from pipeline.core.clip_rules import NEW_NAME

CAPTURE = {
    "url": "/capture",
    "token": "secret",
    "limits": {"frames": 50, "bytes": 10**9, "per_second": 30, "name": NEW_NAME},
}
OFFER = {"clips": ["mine-1", "mine-2"], "frames": 3, "perSecond": 10, "words": "Two clips.", "cost": "", "problem": ""}
KNOWN = OFFER | {"cost": "It will take about 9 min."}
LISTEN = """async (offer) => {
    const { mount } = await import(new URL("./web/player.mjs", location).href);
    const options = { ...window.options, mine: offer };
    window.player.destroy();
    window.wishes = [];
    window.player = mount(document.querySelector("main"), options, () => {}, (wish) => wishes.push(wish));
}"""


def opened(open_player: Open, student: Path, offer: dict[str, object]) -> tuple[Page, list[str]]:
    """A player that has this offer, and the requests of its recordings."""
    page = open_player([student], settings=WASM, capture=CAPTURE)
    requests: list[str] = []

    def answer(route, request) -> None:
        requests.append(f"{request.method} {request.url.split('/capture/')[1]}")
        name = (request.post_data_json or {}).get("name") if request.url.endswith("/begin") else None
        route.fulfill(json={"id": name or "7"})

    page.route("**/capture/**", answer)
    page.wait_for_function("window.player")
    page.evaluate(LISTEN, offer)
    return page, requests


@pytest.mark.slow
def test_two_clips_are_recorded_once_the_cost_is_known_and_agreed_to(open_player: Open, student: Path) -> None:
    page, requests = opened(open_player, student, OFFER)
    start_camera(page)
    page.get_by_role("button", name="Make it mine").click()
    dialog, begin = page.locator(".mine"), page.get_by_role("button", name="Record and train")
    expect(dialog).to_contain_text("being measured")
    expect(begin).to_be_disabled()
    assert page.evaluate("wishes") == [{"costs": True}]
    page.evaluate("(offer) => window.player.update({ mine: offer })", KNOWN)
    expect(dialog).to_contain_text("It will take about 9 min.")
    expect(dialog).to_contain_text("6 frames of this camera")
    expect(dialog).to_contain_text("data/inbox/mine-1 and data/inbox/mine-2")
    expect(begin).to_be_disabled()  # without consent nothing happens
    assert requests == []
    dialog.get_by_role("checkbox").check()
    begin.click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".taking")).to_contain_text(re.compile("Clip 2 of 2: . of 3 frames"))
    until(lambda: page.evaluate("wishes.length") == 2)
    assert page.evaluate("wishes[1]") == {"clips": ["mine-1", "mine-2"], "mine": True, "before": "first"}
    assert [request for request in requests if "PUT" not in request] == [
        "POST begin",
        "POST mine-1/end",
        "POST begin",
        "POST mine-2/end",
    ]
    expect(page.locator(".taking")).to_be_hidden()
    page.evaluate("window.player.update({ mine: null })")  # it is on its way
    expect(page.get_by_role("button", name="Make it mine")).to_be_hidden()
    frames_come(page)


@pytest.mark.slow
def test_a_recording_that_is_cancelled_is_a_sentence_and_the_camera_stays_on(open_player: Open, student: Path) -> None:
    page, requests = opened(open_player, student, KNOWN | {"frames": 50, "perSecond": 2})
    start_camera(page)
    page.get_by_role("button", name="Make it mine").click()
    page.locator(".mine").get_by_role("checkbox").check()
    page.get_by_role("button", name="Record and train").click()
    expect(page.locator(".taking")).to_contain_text("Clip 1 of 2: 1 of 50 frames")
    page.locator(".taking").get_by_role("button", name="Cancel").click()
    expect(page.locator(".error")).to_contain_text("cancelled")
    assert requests[-1] == "DELETE mine-1"
    assert page.evaluate("wishes") == []
    assert page.evaluate("streams.at(-1).getTracks()[0].readyState") == "live"
