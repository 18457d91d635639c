"""How much a stage has to do, so that the time of its next run can be told from that of its last one."""

from math import ceil

from pipeline.core.params import Params, TrainParams

COST = {"student_s": 1.0, "student_m": 2.3, "student_l": 4.0, "student_original": 60.0}  # docs/benchmark.md, fp32


def of_a_step(stage: str, params: Params) -> float:
    """What one step of the stage's bar is: pixels of a batch times the cost of the student, or those of a picture."""
    if stage == "train":
        train = params.train
        return train.batch_size * train.crop_px**2 * COST.get(train.model, 1.0)
    width, height = params.geometry.target
    return float(width * height)


def of_training(params: Params) -> float:
    """All of a training: its epochs and their crops."""
    return steps(params.train) * of_a_step("train", params)


def steps(train: TrainParams) -> int:
    """Batches of a whole training."""
    return train.epochs * ceil(train.crops_per_epoch / train.batch_size)
