"""Which backend computes a network on this processor: the fastest that loses no quality, measured once and noted.

Half precision adds an error to a picture's own. Where the two are independent, a picture at P dB from truth to which
an error at D dB is added loses 10 log10(1 + 10^((P - D) / 10)) dB; at P = 30 dB, above what chains reach on cameras,
0.05 dB are lost at D = 49.4 dB. They are not quite independent: a network in half precision also cleans a little
less. So the loss is measured as well, on a picture with truth, and the larger of the two counts.
"""

import math
import sys
import time
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json, write_json
from pipeline.core.hashing import sha256_of_json
from pipeline.core.progress import in_hours
from pipeline.core.timing import call_ms
from pipeline.student.engines import machine
from pipeline.teacher.backends import BACKENDS, REFERENCE, Compute
from pipeline.teacher.device import Engine, Source
from pipeline.teacher.probe import db_between, db_to_truth, probe
from pipeline.teacher.step import Picture

MOST_LOSS_DB = 0.05
OWN_DB = 30.0  # the picture that the loss is said of
CLEARLY = 0.85  # of the time of a more exact backend: else the choice would hang on what else the machine does
ROUNDS = 3  # of all backends in turn, and more until so much time has gone by:
MEASURED_S = 1.0
ENOUGH_S = 20.0  # no further round after that
TlcPx = tuple[int, int] | None


@dataclass(frozen=True)
class Measured:
    """One backend on the probe."""

    seconds: float
    db_to_fp32: float
    loss_db: float


@cache
def chosen_backend(source: Source, *, engine: Engine, tlc_px: TlcPx) -> str:
    """The name in BACKENDS of what computes the network; on a GPU torch. Within a process it stays.

    The choice is noted in .cache/engines. Raises SharpcamError where it has to be measured and the network cannot be
    read.
    """
    if not engine.is_cpu:
        return f"torch-{engine.gpu_precision}"
    if len(candidates := allowed(engine)) == 1:
        return candidates[0]
    note = note_file(source, engine=engine, tlc_px=tlc_px)
    return load_cached_choice(note) or pick_fastest(source, note, engine=engine, tlc_px=tlc_px)


def allowed(engine: Engine) -> list[str]:
    """The names of the backends that compute in the precision that is asked for."""
    return [name for name, backend in BACKENDS.items() if engine.allows(backend.precision)]


def note_file(source: Source, *, engine: Engine, tlc_px: TlcPx) -> Path:
    """Where a choice is noted: for this network and its weights, on this processor, its cores, with these libraries."""
    libraries = ("torch", "openvino")
    parts = [source.network, source.sha256, source.views, tlc_px, allowed(engine), machine(libraries)]
    key = sha256_of_json(parts)[:16]
    return engine.cache / "engines" / f"{source.network}-{key}.json"


def load_cached_choice(note: Path) -> str:
    """The backend that `note` names, if there is such a note and it can run here; else nothing."""
    try:
        name = recall_json(note)["chosen"]
        return str(name) if not BACKENDS[name].missing() else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def pick_fastest(source: Source, note: Path, *, engine: Engine, tlc_px: TlcPx) -> str:
    """The backend that is best just now; `note` keeps the choice and its reasons, and a sentence says it."""
    usable, left_out = compare(source, engine=engine, tlc_px=tlc_px)
    chosen = best(usable)
    write_json(note, {"chosen": chosen, "measured": {k: asdict(v) for k, v in usable.items()}, "left_out": left_out})
    print(sentence(source.network, chosen, usable, left_out), file=sys.stderr, flush=True)
    return chosen


def compare(source: Source, *, engine: Engine, tlc_px: TlcPx) -> tuple[dict[str, Measured], dict[str, str]]:
    """Each backend that may be used for the network, and why the others may not."""
    from pipeline.teacher.inference import loaded, start_checked  # torch, which a choice that is noted does not need

    model = loaded(source, device="cpu", tlc_px=tlc_px)
    exact = BACKENDS[REFERENCE].start(model)(probe().raw)
    computes: dict[str, Compute] = {}
    losses: dict[str, tuple[float, float]] = {}
    left_out: dict[str, str] = {}
    for name in allowed(engine):
        try:
            computes[name] = start_checked(name, model)
            losses[name] = loss(computes[name](probe().raw), exact)
            _check_loss(losses[name][1], asked_for=engine.precision == BACKENDS[name].precision)
        except SharpcamError as error:
            computes.pop(name, None)
            left_out[name] = str(error)
    seconds = times_s(computes, probe().raw)
    return {name: Measured(round(seconds[name], 4), *losses[name]) for name in computes}, left_out


def loss(answer: Picture, exact: Picture) -> tuple[float, float]:
    """dB between the two answers, and what `answer` costs a picture, dB."""
    apart = db_between(answer, exact)
    added = 10 * math.log10(1 + 10 ** ((OWN_DB - apart) / 10))
    return round(apart, 2), round(max(added, abs(db_to_truth(exact) - db_to_truth(answer))), 4)


def _check_loss(loss_db: float, *, asked_for: bool) -> None:
    """Raise SharpcamError where quality is lost that nobody gave away."""
    if not asked_for and not loss_db <= MOST_LOSS_DB:
        raise SharpcamError(f"it costs {loss_db:.2f} dB, and at most {MOST_LOSS_DB} are allowed")


def times_s(computes: dict[str, Compute], picture: Picture) -> dict[str, float]:
    """Fewest seconds of each. They take turns, so that what else the machine does hits all alike."""
    fewest = dict.fromkeys(computes, math.inf)
    begun, rounds, spent = time.perf_counter(), 0, 0.0
    while (rounds < ROUNDS or spent < MEASURED_S) and spent < ENOUGH_S:
        for name, compute in computes.items():
            fewest[name] = min(fewest[name], call_ms(partial(compute, picture)) / 1e3)
        rounds, spent = rounds + 1, time.perf_counter() - begun
    return fewest


def best(usable: dict[str, Measured]) -> str:
    """The first of them that no later one beats clearly. Raises SharpcamError where there is none."""
    if not usable:
        raise SharpcamError("No backend computes this network here. Set teacher.precision: auto in params.yaml.")
    fastest = min(one.seconds for one in usable.values())
    return next(name for name, one in usable.items() if CLEARLY * one.seconds <= fastest)


def sentence(network: str, chosen: str, usable: dict[str, Measured], left_out: dict[str, str]) -> str:
    """The choice for people."""
    times = ", ".join(f"{name} {in_hours(one.seconds)}" for name, one in usable.items())
    said = f"{network} is computed in {chosen} on this processor, {usable[chosen].loss_db:.3f} dB from fp32 ({times})."
    return " ".join([said, *(f"{name} is left out: {reason}." for name, reason in left_out.items())])
