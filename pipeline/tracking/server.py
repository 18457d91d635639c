"""The MLflow UI in one process. MLflow's own command starts the server and waits for its end, with all of MLflow
loaded: 200 MB for waiting. This becomes the server instead.

python -m pipeline.tracking.server --backend-store-uri sqlite:///mlflow.db --port 5000     what `mlflow server` takes
"""

import os
import sys
from typing import Any, NoReturn

import mlflow.server
from mlflow.cli import cli


def become(command: list[str], *, extra_env: dict[str, str], **_: Any) -> NoReturn:
    """Be that command from now on, under the same number."""
    os.execvpe(command[0], command, os.environ | extra_env)


if __name__ == "__main__":
    mlflow.server._exec_cmd = become  # where a later MLflow starts it by another name, there are two processes again
    cli(["server", *sys.argv[1:]])
