"""Small values in params.yaml, by DVC's own writer, for a quick run of the whole pipeline."""

from dvc.utils.serialize import modify_yaml

with modify_yaml("params.yaml") as params:
    params["geometry"].update(width=640, height=512)
    params["capture"]["camera"].update(width=320, height=240)
    params["capture"]["demo"].update(clips=6, frames=5, real_frames=0)
    params["train"].update(epochs=6, crops_per_epoch=960)
    params["evaluate"].update(speed_runs=5)
