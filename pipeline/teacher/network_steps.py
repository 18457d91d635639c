"""The steps of a chain that are networks. Torch is imported by the first frame that needs one."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256
from pipeline.core.params import GeometryParams
from pipeline.student.dials import Dials
from pipeline.teacher.backends import BACKENDS
from pipeline.teacher.brightness import with_light_of
from pipeline.teacher.choice import chosen_backend
from pipeline.teacher.device import Engine, Source
from pipeline.teacher.step import Picture, Size, Step
from pipeline.teacher.weight_files import ACCEPTED, provenance

Side = Annotated[int, Field(ge=8)]
TlcPx = tuple[Side, Side] | None  # (height, width) of the crops that the network was trained on; null: no TLC

FLIPS = ((), (1,), (0,), (0, 1))  # axes of a picture (H, W, 3)
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}


class NetworkStep(Step, frozen=True):
    """A network; `_engine` says where it computes, `_backend` in what: empty as long as it is not settled.

    `_dials` are those of the camera, for a network that takes some: None as long as it has not been told any.
    """

    is_network: ClassVar[bool] = True
    network: ClassVar[str]
    file: ClassVar[str]

    _engine: Engine = PrivateAttr(default_factory=Engine)
    _backend: str = PrivateAttr(default="")
    _dials: Dials | None = PrivateAttr(default=None)

    def placed(self, engine: Engine) -> "NetworkStep":
        step = self.model_copy()
        step._engine = engine
        return step

    def moved(self, folder: Path) -> "NetworkStep":
        return self.placed(replace(self._engine, bundled=folder, downloads=folder))

    @property
    def backend(self) -> str:
        """The name in BACKENDS of what computes it; measured where no run before left a note."""
        return self._backend or chosen_backend(self.source(), engine=self._engine, tlc_px=self._tlc_px())

    def settled(self) -> "NetworkStep":
        return self.in_backend(self.backend)

    def as_recorded(self, entry: dict[str, Any]) -> "NetworkStep":
        backend = BACKENDS.get(entry.get("engine", ""))
        if backend is None or not self._engine.is_cpu or not self._engine.allows(backend.precision):
            return self.settled()
        return self.in_backend(entry["engine"])

    def in_backend(self, name: str) -> "NetworkStep":
        step = self.model_copy()
        step._backend = name
        return step

    @property
    def device(self) -> str:
        return self._engine.settled_device

    @property
    def folder(self) -> Path:
        """Where its weights lie."""
        return self._engine.downloads

    def size_after(self, size: Size, *, geometry: GeometryParams) -> Size:
        del geometry
        return size[0] * self.scale, size[1] * self.scale

    def weights(self) -> dict[str, Any]:
        """File name and sha256 of the weights. Raises SharpcamError, with the next step, where they are missing."""
        path = self.folder / self.file
        return _verified(self.file, self.folder, _stamp(path) if path.is_file() else None)

    def weight_paths(self) -> list[Path]:
        files = self.folder / str(self.weights()["file"]), self.folder / ACCEPTED
        return [path for path in files if path.is_file()]

    def provenance(self) -> dict[str, Any]:
        computed = {"engine": self.backend, "dtype": DTYPES[BACKENDS[self.backend].precision]}
        return {"network": self.network} | self.weights() | computed

    def load(self) -> None:
        from pipeline.teacher.inference import started

        started(self.source(), self.device, self._tlc_px(), self.backend)

    def run(self, picture: Picture, *, geometry: GeometryParams) -> Picture:
        from pipeline.teacher.inference import infer

        del geometry
        return infer(
            picture,
            source=self.source(),
            engine=self._engine,
            tlc_px=self._tlc_px(),
            backend=self.backend,
            dials=self._dials,
        )

    def source(self) -> Source:
        """The network and its weights, for what computes it."""
        return Source(self.network, self.folder, str(self.weights()["sha256"]), self._views())

    def _views(self) -> int | None:
        return None

    def _tlc_px(self) -> TlcPx:
        return None


class LocalStep(NetworkStep, frozen=True):
    """A network with a test-time local converter (TLC, arXiv 2112.04491), which `tlc_px` switches on."""

    tlc_px: TlcPx

    def fallback_step(self) -> Step | None:
        return self.settled().model_copy(update={"tlc_px": None}) if self.tlc_px else None

    def _tlc_px(self) -> TlcPx:
        return self.tlc_px


class Nafssr(LocalStep, frozen=True):
    """NAFSSR-L (arXiv 2204.08714): super-resolution by 4 from one view, or from the same view given twice."""

    scale: ClassVar[int] = 4
    network: ClassVar[str] = "NAFSSR-L_4x"
    file: ClassVar[str] = "NAFSSR-L_4x.pth"

    views: Literal["one", "same_view"] = "one"
    tlc_px: TlcPx = (30, 90)

    def _views(self) -> int:
        return 1 if self.views == "one" else 2


class NafnetDeblur(LocalStep, frozen=True):
    """NAFNet (arXiv 2204.04676) trained on REDS: takes away motion blur and JPEG marks."""

    network: ClassVar[str] = "NAFNet-REDS-width64"
    file: ClassVar[str] = "NAFNet-REDS-width64.pth"

    tlc_px: TlcPx = (256, 256)


class NafnetDenoise(LocalStep, frozen=True):
    """NAFNet (arXiv 2204.04676) trained on SIDD: takes away the noise of small cameras."""

    network: ClassVar[str] = "NAFNet-SIDD-width64"
    file: ClassVar[str] = "NAFNet-SIDD-width64.pth"

    tlc_px: TlcPx = (256, 256)


class RealEsrgan(NetworkStep, frozen=True):
    """realesr-general-x4v3 (arXiv 2107.10833), which comes with sharpcam: compact blind super-resolution by 4."""

    scale: ClassVar[int] = 4
    network: ClassVar[str] = "realesr-general-x4v3"
    file: ClassVar[str] = "realesr-general-x4v3.fp16.pth"

    @property
    def folder(self) -> Path:
        return self._engine.bundled


class Restorer(NetworkStep, frozen=True):
    """The restorer that comes with sharpcam: super-resolution by 2, deblurring and denoising at once.

    Where it is not told the dials of the camera, it reads them from each picture by itself.
    """

    scale: ClassVar[int] = 2
    takes_dials: ClassVar[bool] = True
    network: ClassVar[str] = "restorer"
    file: ClassVar[str] = "restorer.safetensors"

    self_ensemble: Literal[1, 2, 4] = 1  # of how many flipped views the mean is taken (Lim et al. 2017, section 3.4)
    keep_light: bool = False  # give back the light that the frame has from afar

    def with_dials(self, dials: Dials) -> "Restorer":
        step = self.model_copy()
        step._dials = dials
        return step

    def run(self, picture: Picture, *, geometry: GeometryParams) -> Picture:
        restored = self._mean_of_views(picture, geometry)
        return with_light_of(picture, restored) if self.keep_light else restored

    def _mean_of_views(self, picture: Picture, geometry: GeometryParams) -> Picture:
        views = FLIPS[: self.self_ensemble]
        total = np.zeros((), np.float32)
        for axes in views:
            flipped = np.ascontiguousarray(np.flip(picture, axes))
            total = total + np.flip(super().run(flipped, geometry=geometry), axes)
        return np.asarray(total / np.float32(len(views)), dtype=np.float32)

    @property
    def folder(self) -> Path:
        return self._engine.bundled

    def weights(self) -> dict[str, Any]:
        path = self.folder / self.file
        if not path.is_file():
            raise SharpcamError(
                f'No {path}. It comes with sharpcam: run "git checkout {path}", '
                'or train one with "python -m pipeline.restorer --photos FOLDER".'
            )
        return {"file": self.file, "sha256": _sha256(path, _stamp(path))}


def _stamp(path: Path) -> tuple[int, int]:
    """Changes with the file, so that its hash is computed once and not for every frame."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@cache
def _verified(name: str, folder: Path, stamp: tuple[int, int] | None) -> dict[str, Any]:
    del stamp
    return provenance(name, folder=folder)


@cache
def _sha256(path: Path, stamp: tuple[int, int]) -> str:
    del stamp
    return sha256(path)
