"""MLflow's own tools run a registered student: any number of frames of any size, as sharpcam itself runs it."""

import json
import subprocess
import sys
from urllib.request import Request, urlopen

import mlflow
import numpy as np
import onnx
import pytest
from dashboards import answers, free_port
from making import ROOT, photo, until

from app.leftovers import end_group
from pipeline.core.files import read_json, write_json
from pipeline.register import register
from pipeline.student.engines import OnnxRuntime, to_batch
from pipeline.tracking.client import mlflow_client
from pipeline.tracking.flavour import for_any_shape


@pytest.fixture
def candidate(trained):
    """The address of a registered student that passed the gate."""
    judged = read_json(trained.paths.evaluation, made_by="evaluate")
    write_json(trained.paths.evaluation, judged | {"gate": judged["gate"] | {"passed": True}})
    register(trained.paths)
    mlflow_client()  # from now on MLflow looks into the project's store
    return "models:/StudentSR@candidate"


def test_pyfunc_and_onnx_load_the_candidate_and_predict_on_frames(trained, candidate):
    frames = np.concatenate([to_batch(photo(48, 64, seed=seed)) for seed in (1, 2, 3)])
    expected = [OnnxRuntime(trained.paths.student_onnx, threads=1).infer(frames[[index]]) for index in range(3)]
    loaded = mlflow.pyfunc.load_model(candidate)
    np.testing.assert_allclose(loaded.predict(frames)["picture"], np.concatenate(expected), atol=1e-5)
    assert loaded.predict(frames[:1, :, :33, :47])["picture"].shape == (1, 3, 66, 94)
    with pytest.raises(mlflow.exceptions.MlflowException, match="shape"):
        loaded.predict(frames[:, :2])
    answer = OnnxRuntime(mlflow.onnx.load_model(candidate).SerializeToString(), threads=1).infer(frames)
    np.testing.assert_array_equal(answer, loaded.predict(frames)["picture"])


@pytest.mark.parametrize("student", ["student_m", "files/student_s"])
@pytest.mark.parametrize(("height", "width"), [(20, 32), (21, 31), (7, 8)])
def test_an_odd_side_is_that_of_the_frame_with_its_last_line_repeated(student, height, width):
    file = ROOT / f"weights/bundled/{student}.onnx"
    wrapped = for_any_shape(onnx.load(file), scale=2)
    frame = to_batch(photo(height, width, seed=4))
    even = np.pad(frame, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    expected = OnnxRuntime(file, threads=1).infer(even)[:, :, : 2 * height, : 2 * width]
    both = np.concatenate([frame, frame[..., ::-1]])
    answer = OnnxRuntime(wrapped.SerializeToString(), threads=1).infer(both)
    np.testing.assert_allclose(answer[:1], expected, atol=1e-5)
    assert answer.shape == (2, 3, 2 * height, 2 * width)


@pytest.mark.slow
@pytest.mark.usefixtures("candidate")
def test_models_serve_answers_over_http(trained):
    port = free_port()
    command = ["serve", "--env-manager", "local", "-m", "models:/StudentSR@candidate", "-p", str(port)]
    serve = [sys.executable, "-m", "mlflow", "models", *command]
    served = subprocess.Popen(serve, cwd=trained.root, start_new_session=True)
    try:
        until(lambda: served.poll() is not None or answers(f"http://127.0.0.1:{port}/ping"))
        frame = to_batch(photo(12, 16))
        said = json.dumps({"inputs": frame.tolist()}).encode()
        asked = Request(f"http://127.0.0.1:{port}/invocations", said, {"Content-Type": "application/json"})
        with urlopen(asked, timeout=60) as answer:
            picture = np.array(json.load(answer)["predictions"]["picture"], np.float32)
        expected = OnnxRuntime(trained.paths.student_onnx, threads=1).infer(frame)
        np.testing.assert_allclose(picture, expected, atol=1e-5)
    finally:
        end_group(served.pid)  # MLflow starts the server as a process of its own
        served.wait(timeout=60)
