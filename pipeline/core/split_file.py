"""data/split.json as it is read: which frames train and which only validate. No frame, and no moment, is in both."""

from pathlib import Path

from pydantic import BaseModel, ValidationError, model_validator

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.paths import Paths

Part = dict[str, list[str]]  # clip -> stems of its frames


class Rule(BaseModel, frozen=True):
    """The parameters by which clips were given their sides."""

    seed: int
    validation_share: float
    gap_frames: int


class Split(BaseModel, frozen=True, strict=True):
    """The two parts. This is the test for leaks: what a student has trained on says nothing about it."""

    training: Part
    validation: Part
    rule: Rule | None = None  # not known of a split that an older version made

    @model_validator(mode="after")
    def _is_usable(self) -> "Split":
        for name, part in (("training", self.training), ("validation", self.validation)):
            if not any(part.values()):
                raise ValueError(f"{name} has no frame")
            for word in (*part, *(stem for stems in part.values() for stem in stems)):
                if word in ("", ".", "..") or Path(word).name != word:
                    raise ValueError(f"{name} names {word!r}, which is neither a clip nor a frame")
        for clip in self.training.keys() & self.validation.keys():
            _refuse_leak(clip, self.training[clip], self.validation[clip])
        return self


def _refuse_leak(clip: str, training: list[str], validation: list[str]) -> None:
    """Raise ValueError where parts of a clip share frames, or alternate: neighbouring frames are near-duplicates."""
    if shared := sorted(set(training) & set(validation)):
        raise ValueError(
            f"{clip}/{shared[0]} is in training and in validation, so what is measured there is learned by heart"
        )
    if training and validation and not (max(training) < min(validation) or max(validation) < min(training)):
        raise ValueError(f"training and validation frames of {clip} alternate, where a block each is needed")


def read_split(paths: Paths) -> Split:
    """The split. Raises SharpcamError for a file of another shape, and where training and validation overlap."""
    content = read_json(paths.split, made_by="split", like=dict)
    try:
        return Split.model_validate(content)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        problem = f"{where}{': ' if where else ''}{wrong['msg'].removeprefix('Value error, ')}"
        raise SharpcamError(
            f'{paths.split} is not a valid split ({problem}). Run "dvc repro --force split" to write it again.'
        ) from None
