"""What the last evaluation and the last benchmark measured."""

from statistics import fmean
from typing import Any

import streamlit as st

from app.evaluation import beside_bicubic
from app.models.front import show_front
from app.text import as_text
from pipeline.core.clips import camera_of, own_first
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.meaning import describe_margin
from pipeline.core.paths import Paths
from pipeline.student.dials import Dials, adjectives

MEASURES = {"psnr": "PSNR (dB)", "ssim": "SSIM", "l1": "L1", "flicker": "flicker", "halo": "halo"}
DECIBELS = st.column_config.NumberColumn(format="%.2f")
BENCHMARK = "metrics/benchmark.json"  # of make bench


def show_scores(paths: Paths) -> None:
    """The student that is here now against bicubic, Lanczos, teacher and truth: words, numbers, speed, pictures."""
    if not paths.evaluation.exists():
        return
    st.subheader("How good is this project's student?")
    try:
        evaluation = read_json(paths.evaluation, made_by="evaluate")
        times = read_json(paths.speed, made_by="evaluate")["median_ms"] if paths.speed.exists() else {}
        show_verdict(evaluation)
        show_cameras(evaluation.get("cameras", {}), dials_of_cameras(evaluation.get("dials", {}), paths))
        st.dataframe(as_rows(evaluation["methods"], times), hide_index=True, placeholder="-")
    except SharpcamError as error:
        st.error(as_text(error))
        return
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        st.error(f'{paths.evaluation} is no evaluation. Run "dvc repro --force evaluate" to write it again.')
        return
    with st.expander("Samples"):
        for picture in sorted(paths.samples.glob("*.png")):
            st.image(str(picture), width="stretch")


def show_verdict(evaluation: dict[str, Any]) -> None:
    """The gate's answer first, the other sentences below it."""
    first, *others = evaluation["verdict"]
    (st.success if evaluation["gate"]["passed"] else st.warning)(as_text(first))
    for sentence in others:
        st.write(as_text(sentence))
    st.caption(f"Measured on {as_text(evaluation['frames'])} whole frames that trained nothing.")


def dials_of_cameras(dials: dict[str, dict[str, float]], paths: Paths) -> dict[str, str]:
    """Camera -> what was found of it in words: the mean over its clips."""
    clips: dict[str, list[Dials]] = {}
    for clip, found in dials.items():
        clips.setdefault(camera_of(paths.raw / clip), []).append(Dials(**found))
    return {camera: adjectives(Dials(*map(fmean, zip(*several, strict=True)))) for camera, several in clips.items()}


def show_cameras(cameras: dict[str, Any], dials: dict[str, str]) -> None:
    """One row a camera, in words and in figures."""
    rows = []
    for name in own_first(cameras):
        found = cameras[name]
        if (margin := beside_bicubic(found["methods"])) is None:
            continue
        reference, student, bicubic = margin
        row = {"camera": name, "the student is": describe_margin(student - bicubic)}
        row |= {"the camera is": dials[name]} if name in dials else {}
        row |= {"frames": found["frames"], "measured against": f"the {reference}"}
        rows.append(row | {"PSNR (dB)": student, "bicubic (dB)": bicubic, "above bicubic (dB)": student - bicubic})
    if rows:
        st.dataframe(rows, hide_index=True, column_config=dict.fromkeys(list(rows[0])[-3:], DECIBELS))
        st.caption("Each camera has validation frames of its own. They stay the same when clips are added.")


def as_rows(methods: dict[str, dict[str, dict[str, float]]], times: dict[str, float]) -> list[dict[str, Any]]:
    """One row for each method and what it is compared with, the best first."""
    rows = [
        {"against": reference, "method": method}
        | {title: values.get(name) for name, title in MEASURES.items()}
        | {"ms a frame": times.get(method)}
        for method, references in methods.items()
        for reference, values in references.items()
    ]
    return sorted(rows, key=lambda row: (row["against"], -row[MEASURES["psnr"]]))


def show_benchmark(paths: Paths) -> None:
    """Every student in every engine beside its peers, as `make bench` measured them in one run."""
    file = paths.root / BENCHMARK
    if not file.exists():
        st.caption('"make bench" measures every student in every engine beside the original one and others.')
        return
    st.subheader("Speed and quality")
    try:
        report = read_json(file, made_by="evaluate")
        rows, (width, height) = report["rows"], report["size"]
        reference = "truth" if any("truth" in row["quality"] for row in rows) else "teacher"
        points = [
            {"name": row["name"], "engine": row["engine"], "ms": row["median_ms"]} | row["quality"][reference]
            for row in rows
            if reference in row["quality"]
        ]
        show_front(points, reference, key="benchmark-front")
        st.dataframe([point | {"frames/s": round(1e3 / point["ms"], 1)} for point in points], hide_index=True)
        size, threads = as_text(f"{width}x{height}"), as_text(report["threads"])
        st.caption(f"{size} in, on {threads} threads; measured against the {reference}.")
    except (SharpcamError, KeyError, TypeError, ValueError, ArithmeticError):
        st.error(f'{file} is no benchmark. Run "make bench" to write it again.')
