"""Start the dashboard and the MLflow UI, say where they are, and stop both on Ctrl-C.

python -m app.launch [--only dashboard|mlflow]
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from pipeline.tracking import tracking_uri

HOST = "127.0.0.1"
FIRST_PORTS = {"dashboard": 8501, "mlflow": 5000}
TITLES = {"dashboard": "Dashboard", "mlflow": "MLflow UI"}
PORTS_TRIED = 50
START_S = 90
STOP_S = 10


def free_port(first: int) -> int:
    """The first port from `first` on that nobody listens on."""
    for port in range(first, first + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise SystemExit(f"sharpcam: no free port from {first} to {first + PORTS_TRIED}. Close a program that holds one.")


def command(name: str, port: int) -> list[str]:
    """How to start one of the two servers."""
    if name == "dashboard":
        server = Path(__file__).with_name("server.py")
        return [sys.executable, "-m", "streamlit", "run", str(server), f"--server.port={port}"]
    arguments = ["--backend-store-uri", tracking_uri(), "--host", HOST, "--port", str(port), "--workers", "1"]
    return [sys.executable, "-m", "mlflow", "server", *arguments]


def start(name: str, port: int) -> subprocess.Popen[bytes]:
    """One server in a process group of its own, its output in logs/."""
    log = Path("logs") / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
        return subprocess.Popen(
            command(name, port), stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env=environment
        )


def wait_until_up(server: subprocess.Popen[bytes], name: str, port: int) -> None:
    """Wait until the server answers. Ends with a sentence where it does not."""
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up and server.poll() is None:
        try:
            with urlopen(f"http://{HOST}:{port}/", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.3)
    raise SystemExit(f"sharpcam: the {TITLES[name]} did not start. Its last words are in logs/{name}.log.")


def stop(servers: list[subprocess.Popen[bytes]]) -> None:
    """End the servers and whatever they started."""
    for server in servers:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
    for server in servers:
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def serve(names: list[str]) -> None:
    """Start the servers and stay until Ctrl-C, or until one of them ends by itself."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    servers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        ports = {name: free_port(FIRST_PORTS[name]) for name in names}
        for name, port in ports.items():
            servers[name] = start(name, port)
        for name, port in ports.items():
            wait_until_up(servers[name], name, port)
            print(f"{TITLES[name] + ':':<11} http://{HOST}:{port}", flush=True)
        print("Ctrl-C stops.", flush=True)
        while all(server.poll() is None for server in servers.values()):
            time.sleep(0.5)
        raise SystemExit("sharpcam: a server has ended by itself. Its last words are in logs/.")
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        stop(list(servers.values()))


def main() -> None:
    """Both servers, or only the one named."""
    parser = argparse.ArgumentParser(prog="python -m app.launch", description="Start the dashboard and the MLflow UI.")
    parser.add_argument("--only", choices=sorted(FIRST_PORTS), help="start only this one")
    only = parser.parse_args().only
    serve([only] if only else list(FIRST_PORTS))


if __name__ == "__main__":
    main()
