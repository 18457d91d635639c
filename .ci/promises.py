"""Check what a run of the pipeline promises, and print a figure for each; fails where a promise is broken."""

import csv
import json
import sys
from pathlib import Path

from pipeline.core.paths import Paths
from pipeline.tracking.client import mlflow_client

paths = Paths()
rows = list(csv.DictReader(paths.training_log.open()))
evaluation = json.loads(paths.evaluation.read_text())
best = max(float(row["val_psnr"]) for row in rows)
difference = abs(best - evaluation["methods"]["student"]["teacher"]["psnr"])
margin = evaluation["methods"]["student"]["teacher"]["psnr"] - evaluation["methods"]["bicubic"]["teacher"]["psnr"]

largest_mb = max(Path(name).stat().st_size for name in sys.stdin.read().splitlines()) / 1e6

store = mlflow_client()
runs = store.search_runs([found.experiment_id for found in store.search_experiments()])
run = runs[0]
unequal = [
    (row["epoch"], name)
    for name in ("train_loss", "train_psnr", "val_loss", "val_psnr")
    for row, point in zip(rows, store.get_metric_history(run.info.run_id, name), strict=True)
    if repr(point.value) != row[name] or point.step != int(row["epoch"])
]
promises = {
    f"student above bicubic against the teacher: {margin:.2f} dB (at least 1.0)": margin >= 1.0,
    f"evaluation differs from the chosen epoch by {difference:.4f} dB (at most 0.02)": difference <= 0.02,
    f"CSV and MLflow: {len(rows) * 4} values, {len(unequal)} differ": not unequal,
    f"MLflow run ended {run.info.status}": run.info.status == "FINISHED" and len(runs) == 1,
    f"largest file in git: {largest_mb:.1f} MB (at most 8)": largest_mb <= 8,
}
print("\n- ".join(promises))
sys.exit(not all(promises.values()))
