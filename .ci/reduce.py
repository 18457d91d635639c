"""Write params.yaml anew with small values, for a quick run of the whole pipeline."""

from pathlib import Path

import yaml

path = Path("params.yaml")
params = yaml.safe_load(path.read_text())
params["geometry"] |= {"width": 640, "height": 512}
params["capture"]["camera"] |= {"width": 320, "height": 240}
params["capture"]["demo"] |= {"clips": 6, "frames": 5, "real_frames": 0}
params["train"] |= {"epochs": 6, "crops_per_epoch": 960}
params["evaluate"] |= {"speed_runs": 5}
path.write_text(yaml.safe_dump(params, sort_keys=False))
