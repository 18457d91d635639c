"""The model card of a student that ships: data, licences, recipe and quality, all from the files themselves."""

from pathlib import Path
from typing import Any

from pipeline.core.files import read_json

CARD = """# {name}

Doubles a camera's frame and takes away noise, blur, the traces of the colour mosaic and JPEG marks in one pass.

| | |
| --- | --- |
| network | `{model}` of `training/models/student.py`, {parameters:,} parameters |
| input, output | (N, 3, H, W) RGB in 0..1, even sides; (N, 3, 2H, 2W), not clamped |
| files | {files} |
| int8 | costs {int8_db:.2f} dB on real frames against the float form |

## Data and licences
{photographs} photographs and {drawings} drawn pictures (`training/camera/drawings.py`) seen through the simulated
cameras of `training/camera`; the teacher is the truth, which a simulated camera has. No frame of a real clip and no
photograph of the demo trained it.

| licence and source | photographs |
| --- | --- |
{sources}

Held out, to measure on: the photographs whose names begin with {held_out}.

## Recipe
`python -m pipeline.pretrain {recipe} --photos FOLDER`, settings in `pipeline/pretrain/recipes/{recipe}.yaml`:
{steps:,} steps of {batch_size} crops of {crop_px}x{crop_px}{minutes}{begun}.

## Measured
PSNR against the truth on {frames} simulated frames of the held-out photographs
(`python -m pipeline.pretrain {recipe} --photos FOLDER --evaluate`):

| bicubic | {model} |
| --- | --- |
| {bicubic:.2f} dB | **{psnr:.2f} dB** |

## What it is not good at
It gives the mean of what may be true: texture that the camera lost stays lost, it is not invented. How much it undoes
is set by its dials, which are estimated: from one picture less surely than from a clip. It is trained on the cameras of
`training/camera`; one that is like none of them is better served by a student fine-tuned on it
(`train.start_from: bundled`).
"""


def card(name: str, recipe: dict[str, Any], *, parameters: int, contract: Path) -> str:
    """The text of the card. `recipe` is that of pipeline.pretrain, `contract` lies beside the files that it names."""
    content = read_json(contract, made_by="bundle")
    files = [f"{name}.safetensors", *content["files"]]
    settings, minutes = recipe["training"], recipe["minutes"]
    return CARD.format(
        name=name,
        model=recipe["model"],
        recipe=f"{recipe['model']}_clean" if recipe["arguments"].get("clean") else recipe["model"],
        begun=_begun(recipe),
        parameters=parameters,
        files=", ".join(f"`{file}` {contract.with_name(file).stat().st_size / 1e3:.0f} kB" for file in files),
        int8_db=content["int8"]["loss_db"],
        photographs=recipe["photographs"],
        drawings=settings["drawings"],
        sources="\n".join(f"| {source} | {count} |" for source, count in sorted(recipe["sources"].items())),
        held_out=", ".join(f"`{start}`" for start in settings["held_out"]),
        steps=recipe["steps"],
        batch_size=settings["batch_size"],
        crop_px=settings["crop_px"],
        minutes=f", in {minutes:g} minutes on a shared CPU" if minutes else "",
        frames=settings["validation_frames"],
        bicubic=recipe["best"]["val_psnr_bicubic"],
        psnr=recipe["best"]["val_psnr"],
    )


def _begun(recipe: dict[str, Any]) -> str:
    """Where a training that went on from other weights began, and how fast it learned."""
    if recipe.get("started_from_sha256") is None:
        return ""
    kept = recipe.get("kept_of_start", 0.0)
    rate = recipe["training"]["learning_rate"]
    return (
        f", from the weights before at a learning rate of {rate:g}{f', of which {kept:.0%} are kept' if kept else ''}"
    )
