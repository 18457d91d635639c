"""Where everything lies, relative to the root of the project. The one place that spells these paths."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """Files and folders below `root`, as DVC, the stages and the pages know them."""

    root: Path = Path()

    @property
    def params(self) -> Path:
        return self.root / "params.yaml"

    @property
    def inbox(self) -> Path:
        return self.root / "data/inbox"

    @property
    def raw(self) -> Path:
        return self.root / "data/raw"

    @property
    def truth(self) -> Path:
        return self.root / "data/truth"

    @property
    def teacher(self) -> Path:
        return self.root / "data/teacher"

    @property
    def split(self) -> Path:
        return self.root / "data/split.json"

    @property
    def demo_clip(self) -> Path:
        return self.root / "data/demo/box.mp4"

    @property
    def training_log(self) -> Path:
        return self.root / "training_logs/training_log.csv"

    @property
    def student(self) -> Path:
        return self.root / "weights/student_sr.pth"

    @property
    def student_onnx(self) -> Path:
        return self.root / "weights/student_sr.onnx"

    @property
    def contract(self) -> Path:
        return self.root / "weights/student_sr.json"

    @property
    def bundled(self) -> Path:
        return self.root / "weights/bundled"

    @property
    def estimator(self) -> Path:
        return self.bundled / "estimator.onnx"

    @property
    def registry(self) -> Path:
        return self.root / "weights/registry"

    @property
    def downloads(self) -> Path:
        return self.root / "weights/downloads"

    @property
    def evaluation(self) -> Path:
        return self.root / "metrics/evaluation.json"

    @property
    def samples(self) -> Path:
        return self.root / "metrics/samples"

    @property
    def speed(self) -> Path:
        return self.root / "metrics/speed.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def cache(self) -> Path:
        return self.root / ".cache"
