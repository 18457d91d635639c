"""How long the chain will take for the frames that wait, measured on one of them."""

from contextlib import suppress
from dataclasses import replace

from pipeline.core.errors import SharpcamError
from pipeline.core.frames import read_frame
from pipeline.core.geometry import Frame
from pipeline.core.params import GeometryParams
from pipeline.core.progress import in_hours
from pipeline.core.timing import call_ms
from pipeline.teacher.chain import Chain
from pipeline.teacher.executor import Job

PROBE_SHARE = 4  # the estimate runs the chain on a frame of a quarter of the width and height


def first_readable(pending: list[Job]) -> Frame | None:
    """The first raw frame that is none of those which will fail."""
    for job in pending:
        with suppress(SharpcamError):
            return read_frame(job.raw)
    return None


def estimate(pending: list[Job], chain: Chain) -> str:
    """How long `pending` will take here, from the chain on a small cut-out of the first frame that can be read."""
    frame = first_readable(pending)
    if frame is None:
        return f"teacher: {len(pending)} frames"
    seconds = seconds_each(frame, chain.with_dials(pending[0].dials))
    return (
        f'teacher: {len(pending)} frames through the chain "{chain.name}", about {in_hours(seconds)} each on this '
        f"machine: {in_hours(seconds * len(pending))}"
    )


def seconds_each(frame: Frame, chain: Chain) -> float:
    """How long the chain will take for a frame like `frame` here, from a small cut-out of it."""
    height, width = frame.shape[0] // PROBE_SHARE, frame.shape[1] // PROBE_SHARE
    small = replace(chain, geometry=_reduced(chain.geometry))
    cut = frame[:height, :width]
    return min(call_ms(lambda: small.enhance(cut)) for _ in range(2)) / 1e3 * PROBE_SHARE**2


def _reduced(geometry: GeometryParams) -> GeometryParams:
    step = 2 * geometry.scale
    width, height = (max(step, side // PROBE_SHARE // step * step) for side in geometry.target)
    return geometry.model_copy(update={"width": width, "height": height})
