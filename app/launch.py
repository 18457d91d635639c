"""Start the dashboard and the MLflow UI, say where they are, and stop both on Ctrl-C.

python -m app.launch [--only dashboard|mlflow] [--host 0.0.0.0 --certificate cert.pem --key key.pem]
"""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from app import roles
from app.hosts import HOSTS, given_names, is_loopback
from app.leftovers import end_group, end_leftovers, forget, remember
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes
from pipeline.core.program import command_parser
from pipeline.tracking.client import keep_files_here, tracking_uri

# MLflow's jobs, which sharpcam has none of, are eight more processes and over a gigabyte.
LEAN = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
HOST = "127.0.0.1"
EVERYWHERE = {"0.0.0.0", ""}
FIRST_PORTS = {"dashboard": 8501, "mlflow": 5000}
TITLES = {"dashboard": "Dashboard", "mlflow": "MLflow UI"}
PORTS_TRIED = 50
# Also where there is no .streamlit/config.toml. Watching its own code takes Streamlit as much time as all else.
QUIET = ("--server.headless=true", "--browser.gatherUsageStats=false", "--server.fileWatcherType=none")
START_S = 90
STOP_S = 10
HTTPS_HINT = (
    "Browsers give a camera to other machines only over https: add --certificate cert.pem --key key.pem. To try it: "
    "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=sharpcam -keyout key.pem -out cert.pem"
)


@dataclass(frozen=True)
class Reach:
    """Where the dashboard listens, and the certificate that makes it https. The MLflow UI stays on this machine."""

    host: str = HOST
    certificate: Path | None = None
    key: Path | None = None
    allowed: tuple[str, ...] = ()  # more names that it answers to

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"

    def arguments(self) -> list[str]:
        """What Streamlit is told of it."""
        files = [f"--server.sslCertFile={self.certificate}", f"--server.sslKeyFile={self.key}"]
        return [f"--server.address={self.host}", *(files if self.certificate else [])]

    def address(self, port: int) -> str:
        """The dashboard's address as this machine reaches it."""
        return f"{self.scheme}://{HOST if self.host in EVERYWHERE else self.host}:{port}"

    @property
    def is_private(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)


def add_reach(parser: ArgumentParser, what: str) -> None:
    """The arguments that `reach_of` reads; `what` is served."""
    parser.add_argument("--host", default=HOST, help=f"address that {what} listens on; 0.0.0.0: every one")
    parser.add_argument("--certificate", type=Path, metavar="FILE", help=f"certificate (.pem) that makes {what} https")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the certificate's private key (.pem)")
    name = f"a name by which browsers reach {what}, such as that of a proxy before it; may be repeated"
    parser.add_argument("--allow-host", action="append", default=[], metavar="NAME", help=name)


def reach_of(parser: ArgumentParser, asked: Namespace) -> Reach:
    """Where to listen, as asked for. Ends with the parser's error where that does not go together."""
    if bool(asked.certificate) != bool(asked.key):
        parser.error("--certificate and --key belong together")
    for file in (asked.certificate, asked.key):
        if file and not file.is_file():
            parser.error(f"there is no file {file}")
    return Reach(asked.host, asked.certificate, asked.key, tuple(asked.allow_host))


def free_port(first: int, host: str = HOST) -> int:
    """The first port from `first` on that nobody listens on."""
    for port in range(first, first + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise SystemExit(f"sharpcam: no free port from {first} to {first + PORTS_TRIED}. Close a program that holds one.")


def command(name: str, port: int, reach: Reach) -> list[str]:
    """How to start one of the two servers."""
    if name == "dashboard":
        server = Path(__file__).with_name("server.py")
        arguments = [f"--server.port={port}", *QUIET, *reach.arguments()]
        return [sys.executable, "-m", "streamlit", "run", str(server), *arguments]
    arguments = ["--backend-store-uri", tracking_uri(), "--host", HOST, "--port", str(port), "--workers", "1"]
    return [sys.executable, "-m", "pipeline.tracking.server", *arguments]


def names_of(reach: Reach) -> list[str]:
    """The further names that the dashboard answers to."""
    return [*given_names(), *reach.allowed]


def start(name: str, port: int, reach: Reach) -> subprocess.Popen[bytes]:
    """One server in a process group of its own, its output in logs/."""
    if name == "mlflow":
        with suppress(SharpcamError):  # of what is wrong with the store the server itself tells
            keep_files_here()
    log = Path("logs") / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        environment = os.environ | LEAN | {HOSTS: ",".join(names_of(reach))}
        return subprocess.Popen(
            command(name, port, reach), stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env=environment
        )


def wait_until_up(server: subprocess.Popen[bytes], name: str, address: str) -> None:
    """Wait until the server answers. Ends with a sentence where it does not."""
    give_up = time.monotonic() + START_S
    trusting = ssl._create_unverified_context()  # it is our own server, by whatever name its certificate has
    while time.monotonic() < give_up and server.poll() is None:
        try:
            with urlopen(address, timeout=2, context=trusting):
                return
        except (URLError, OSError):
            time.sleep(0.3)
    raise SystemExit(f"sharpcam: the {TITLES[name]} did not start. Its last words are in logs/{name}.log.")


def note(name: str) -> Path:
    """Where a server's address stands as long as it runs, for the other one's links."""
    return Path("logs") / f"{name}.url"


def stop(servers: dict[str, subprocess.Popen[bytes]]) -> None:
    """End the servers and whatever they started."""
    for server in servers.values():
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
    for name, server in servers.items():
        with suppress(subprocess.TimeoutExpired):
            server.wait(STOP_S)
        end_group(server.pid)  # its workers stay where it was killed itself
        forget(name)


def hints(names: list[str], reach: Reach) -> list[str]:
    """What to know of a dashboard that others reach, a sentence each. Ends where the settings of roles are wrong."""
    found = [] if reach.is_private or reach.certificate else [HTTPS_HINT]
    if "dashboard" not in names or (reach.is_private and not names_of(reach)):
        return found
    from app.log_in import check_settings  # Streamlit takes a second

    try:
        check_settings()
        return [*found, roles.describe()]
    except SharpcamError as error:
        raise SystemExit(f"sharpcam: {error}") from None


def serve(names: list[str], reach: Reach) -> None:
    """Start the servers and stay until Ctrl-C, or until one of them ends by itself."""
    told = hints(names, reach)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    servers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        addresses = {}
        for name in names:
            its = reach if name == "dashboard" else Reach()
            if end_leftovers(name):
                print(f"sharpcam: ended the {TITLES[name]} that a killed sharpcam left behind.", flush=True)
            port = free_port(FIRST_PORTS[name], its.host)
            servers[name] = start(name, port, its)
            remember(name, servers[name].pid)
            addresses[name] = its.address(port)
        for name, address in addresses.items():
            wait_until_up(servers[name], name, address)
            write_bytes(note(name), address.encode(), synced=False)
            print(f"{TITLES[name] + ':':<11} {address}", flush=True)
        print(*told, "Ctrl-C stops.", sep="\n", flush=True)
        while all(server.poll() is None for server in servers.values()):
            time.sleep(0.5)
        raise SystemExit("sharpcam: a server has ended by itself. Its last words are in logs/.")
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        for name in servers:
            note(name).unlink(missing_ok=True)
        stop(servers)


def main() -> None:
    """Both servers, or only the one named."""
    parser = command_parser("app.launch", "Start the dashboard and the MLflow UI.")
    parser.add_argument("--only", choices=sorted(FIRST_PORTS), help="start only this one")
    add_reach(parser, "the dashboard")
    everyone = "whoever reaches the dashboard from elsewhere may run, change and delete; else only operators may"
    parser.add_argument("--everyone-operates", action="store_true", help=everyone)
    asked = parser.parse_args()
    if asked.everyone_operates:
        os.environ[roles.EVERYONE] = "on"
    serve([asked.only] if asked.only else list(FIRST_PORTS), reach_of(parser, asked))


if __name__ == "__main__":
    main()
