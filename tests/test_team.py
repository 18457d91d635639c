"""deploy/compose.yaml as docs/team.md has it: the services' own commands, on Debian's PostgreSQL and Caddy.

moto stands for the S3 store, and Caddy's own certificate authority for a public one.
"""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import numpy as np
import pytest
import yaml
from dashboards import free_port
from making import ROOT, Project, git, kill, photo, tiny_project, until
from whole_project import make_project

from app.leftovers import end_group
from pipeline.student.engines import OnnxRuntime, to_batch

PORTS = ("443", "8443", "8501", "5000", "5432", "9000")
SECRETS = {
    "NAME": "localhost",
    "LOGIN": "team",
    "DATABASE_PASSWORD": "database",
    "S3_KEY": "key",
    "S3_SECRET": "secret",
    "RAY_TOKEN": "",
}
IN_A_CLONE = {  # who commits, and no other checkout's modules
    **{f"GIT_{who}_{what}": "team" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "PYTHONPATH": "",
}
LOGIN = "Basic dGVhbTpwYXNzd29yZA=="  # team:password
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
CADDY = os.environ.get("SHARPCAM_CADDY") or shutil.which("caddy")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (POSTGRES and CADDY), reason="needs Debian's postgresql and caddy"),
]


class Server:
    """The services of compose.yaml on ports that are free here."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.folder, self.database = folder, database
        self.ports = {port: str(free_port()) for port in PORTS}
        hashed = subprocess.run([CADDY, "hash-password", "--plaintext", "password"], capture_output=True, text=True)
        self.secrets = SECRETS | {"PASSWORD_HASH": hashed.stdout.strip()}
        self.services = yaml.safe_load(self.here((ROOT / "deploy/compose.yaml").read_text()))["services"]
        self.processes: list[subprocess.Popen[bytes]] = []

    def here(self, text: str) -> str:
        """The text with what .env says, names of services and ports replaced by those here."""
        text = re.sub(r"\$\{(\w+)(?::[?-])?\}", lambda found: self.secrets[found[1]], text)
        text = re.sub(r"\b(database|store|mlflow|dashboard):(?=\d{4})", "127.0.0.1:", text)
        for port, free in self.ports.items():
            text = re.sub(rf"(?<=[: ]){port}\b", free, text)
        return text

    def start(self, name: str, *, instead: str = "", user: str = "", cwd: Path | None = None, **more: str) -> None:
        command = (instead or self.services[name]["command"]).split()
        named = {key: str(value) for key, value in self.services[name].get("environment", {}).items()}
        path = os.pathsep.join([str(Path(sys.executable).parent), *map(str, POSTGRES), os.environ["PATH"]])
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [*(["runuser", "-u", user, "--"] if user else []), *command],
                    cwd=cwd or self.folder,
                    env=os.environ | {"PATH": path} | named | more,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def address(self, port: str) -> str:
        return f"https://localhost:{self.ports[port]}"


def answers(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("team"), Path(mkdtemp(prefix="sharpcam-database-")))  # postgres has to get in
    try:
        start_all(made)
        yield made
    finally:
        for process in made.processes:
            end_group(process.pid)
        for process in made.processes:
            kill(process)
        shutil.rmtree(made.database)


def start_all(server: Server) -> None:
    data = server.database
    shutil.chown(data, "postgres")
    run(["runuser", "-u", "postgres", "--", POSTGRES[-1] / "initdb", "-D", data, "-U", "mlflow", "--auth=trust"])
    server.start(
        "database", user="postgres", PGDATA=str(data), instead=f"{server.services['database']['command']} -k {data}"
    )
    server.start("store", instead=f"moto_server --port {server.ports['9000']}")
    until(lambda: answers(server.ports["5432"]) and answers(server.ports["9000"]))
    run([POSTGRES[-1] / "createdb", "-h", "127.0.0.1", "-p", server.ports["5432"], "-U", "mlflow", "mlflow"])
    bucket = Request(f"http://127.0.0.1:{server.ports['9000']}/sharpcam", method="PUT")
    urlopen(bucket, timeout=60).close()
    start_dashboard(server)
    server.start("mlflow", cwd=server.folder, PYTHONPATH=f"{ROOT}{os.pathsep}{os.environ['PYTHONPATH']}")
    (server.folder / "Caddyfile").write_text(
        "{\n\thttp_port 0\n\tskip_install_trust\n\tlocal_certs\n}\n"
        + server.here((ROOT / "deploy/Caddyfile").read_text()).replace(
            "{$NAME} {", f"{{$NAME}}:{server.ports['443']} {{"
        )
    )
    server.start(
        "web",
        instead=server.services["web"]["command"].replace("caddy", CADDY, 1),
        XDG_DATA_HOME=str(server.folder),
        HOME=str(server.folder),
    )
    until(lambda: answers(server.ports["5000"]) and answers(server.ports["8443"]), patience_s=600)


def start_dashboard(server: Server) -> None:
    """In a project of its own; it takes the first port that is free from 8501 on, and says which."""
    project = tiny_project(server.folder / "project").root
    shutil.copytree(ROOT / ".streamlit", project / ".streamlit")
    server.start("dashboard", cwd=project)
    said = server.folder / "dashboard.log"
    until(lambda: "Ctrl-C" in said.read_text(), patience_s=600)
    server.ports["8501"] = re.findall(r"Dashboard: +\S+:(\d+)", said.read_text())[0]


def run(command: list[object], **more: Any) -> str:
    answer = subprocess.run([*map(str, command)], capture_output=True, text=True, **more)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return str(answer.stdout)


def status(address: str, *, login: str = "") -> int:
    """What a browser is answered, that trusts any certificate."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with urlopen(
            Request(address, headers={"Authorization": login} if login else {}), timeout=60, context=trusting
        ) as got:
            return int(got.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return 0


def test_nothing_is_reached_without_the_login(server: Server) -> None:
    until(lambda: status(server.address("8443"), login=LOGIN) == 200, patience_s=600)
    assert status(server.address("8443")) == 401
    assert status(server.address("443")) == 401
    assert status(server.address("443"), login=LOGIN) == 200
    assert status(f"{server.address('8443')}/sharpcam/x") in (403, 404)  # the store's own answer


def test_runs_are_in_postgresql_and_their_files_in_the_store(server: Server, project: Project) -> None:
    environment = member(server)
    code = (
        "from pathlib import Path; from pipeline.tracking.run import start_run; "
        "run = start_run(name='one', params={'seed': 7}); Path('note').write_text('kept'); "
        "run.log_metrics({'val_psnr': 31.5}); run.log_artifact(Path('note')); run.end('FINISHED'); print(run.id)"
    )
    run_id = run([sys.executable, "-W", "ignore", "-c", code], cwd=project.root, env=environment).split()[-1]
    asked = ["psql", "-h", "127.0.0.1", "-p", server.ports["5432"], "-U", "mlflow", "-At", "-c"]
    found = run([POSTGRES[-1] / asked[0], *asked[1:], "select run_uuid, status from runs"])
    assert found.strip() == f"{run_id}|FINISHED"
    with urlopen(f"http://127.0.0.1:{server.ports['9000']}/sharpcam?list-type=2", timeout=60) as listed:
        assert f"/{run_id}/artifacts/note" in listed.read().decode()
    assert not (project.root / "mlflow.db").exists()


def test_a_clone_pulls_from_the_store_what_another_pushed(server: Server, project: Project, tmp_path: Path) -> None:
    environment = member(server)
    shutil.copytree(ROOT / ".dvc", project.root / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp", "config.local"))
    (project.root / "data").mkdir(exist_ok=True)
    (project.root / "data/note").write_text("kept")
    page = (ROOT / "docs/team.md").read_text()
    commands = re.findall(r"^dvc (remote .+)$", page, re.MULTILINE)
    assert len(commands) == 2
    for command in [
        "add data/note",
        *commands,
        f"remote modify store ssl_verify {server.folder / authority(server)}",
        "push",
    ]:
        words = command.replace("https://NAME:8443", server.address("8443")).split()
        run([sys.executable, "-m", "dvc", *words], cwd=project.root, env=environment)
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "pushed")
    git(tmp_path, "clone", "-q", str(project.root), "clone")
    run([sys.executable, "-m", "dvc", "pull"], cwd=tmp_path / "clone", env=environment)
    assert (tmp_path / "clone/data/note").read_text() == "kept"


def commands(heading: str) -> list[str]:
    """The lines that docs/team.md has people type under a heading, without comments."""
    section = (ROOT / "docs/team.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]


def typed(line: str, server: Server, clone: Path, **more: str) -> str:
    """What a line of the page says in a clone, on the ports that are free here."""
    line = line.replace("https://NAME:8443", server.address("8443"))
    return run(["bash", "-ec", line], cwd=clone, env=member(server) | IN_A_CLONE | more)


def cloned(origin: Path, folder: Path) -> Path:
    """A clone that is set up: newer than what that needs is what it made."""
    run(["git", "clone", "-q", origin, folder])
    for made in (".venv/.installed", "app/static/engine/calm.wasm"):
        (folder / made).parent.mkdir(parents=True, exist_ok=True)
        (folder / made).touch()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (folder / ".venv" / part).symlink_to(Path(sys.executable).parents[1] / part)
    return folder


def trusting(server: Server, clone: Path) -> None:
    """With an authority of one's own DVC has to be told; a public one needs no such line."""
    typed(f"dvc remote modify --local store ssl_verify {authority(server)}", server, clone)


def test_a_fresh_clone_goes_from_nothing_to_a_champion_that_answers_over_http(server: Server, tmp_path: Path) -> None:
    """In the words of docs/team.md, by two members of the team."""
    origin, lines = tmp_path / "origin", commands("Each machine")
    (tmp_path / "made").mkdir()
    run(["git", "clone", "-q", "--bare", make_project(tmp_path / "made"), origin])
    first = cloned(origin, tmp_path / "first")
    exports, remote, named, commit, pull, repro, push, promote, serve = [lines[:2], *lines[2:]]
    assert all(line.startswith("export") for line in exports)
    for line in (remote, named, commit):
        typed(line, server, first)
    trusting(server, first)
    typed("git push -q", server, first)
    for line in (repro, push, f"{promote} 1 --force"):  # so short a training passes no gate
        typed(line, server, first)

    second = cloned(origin, tmp_path / "second")
    trusting(server, second)
    typed(pull, server, second)
    assert "up to date" in typed("dvc repro", server, second)
    student = "weights/student_sr.onnx"
    assert (second / student).read_bytes() == (first / student).read_bytes()
    assert not (first / "mlflow.db").exists()
    frame = to_batch(photo(12, 16))
    picture = served(serve, frame, server, second)
    np.testing.assert_allclose(picture, OnnxRuntime(first / student, threads=1).infer(frame), atol=1e-5)


def served(line: str, frame: np.ndarray, server: Server, clone: Path) -> np.ndarray:
    """What the champion answers to a frame while the line of the page runs."""
    port = str(free_port())
    environment = member(server) | IN_A_CLONE
    serving = subprocess.Popen(line.replace("5001", port).split(), cwd=clone, env=environment, start_new_session=True)
    try:
        until(lambda: serving.poll() is not None or answers(port), patience_s=600)
        said = json.dumps({"inputs": frame.tolist()}).encode()
        asked = Request(f"http://127.0.0.1:{port}/invocations", said, {"Content-Type": "application/json"})
        with urlopen(asked, timeout=60) as answer:
            return np.array(json.load(answer)["predictions"]["picture"], np.float32)
    finally:
        end_group(serving.pid)
        serving.wait(timeout=60)


def authority(server: Server) -> Path:
    """The certificate of Caddy's own authority, which a public one makes needless."""
    return next(server.folder.rglob("pki/authorities/local/root.crt"))


def member(server: Server) -> dict[str, str]:
    """The environment of a machine of the team, as the page has it."""
    login = {"MLFLOW_TRACKING_USERNAME": "team", "MLFLOW_TRACKING_PASSWORD": "password"}
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    trust = {"MLFLOW_TRACKING_SERVER_CERT_PATH": str(server.folder / authority(server))}
    return os.environ | {"MLFLOW_TRACKING_URI": server.address("8443")} | login | keys | trust
