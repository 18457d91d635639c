"""The scores as Markdown, and in sentences."""

from collections.abc import Callable

from benchmarks.cameras.methods import BICUBIC
from benchmarks.cameras.scoring import MODES, Score, Scores, mean
from pipeline.families.families import FAMILIES

TITLES = {"clip": "Frames of one clip", "single": "Lone pictures"}
MEASURES: dict[str, tuple[str, Callable[[Score], float]]] = {
    "RGB PSNR above bicubic, dB": ("+.2f", lambda score: score.psnr_rgb_db),
    "SSIM above bicubic": ("+.4f", lambda score: score.ssim),
    "brightness, grey levels": (".2f", lambda score: score.brightness),
    "halo, grey levels": (".2f", lambda score: score.halo),
    "flicker, grey levels": (".2f", lambda score: score.flicker),
}
OVER_BICUBIC = "above bicubic"


def report(scores: Scores) -> str:
    """A table of each mode, or one where all methods do alike in both, and the worst family of each method."""
    if all_alike(scores):
        return part(
            scores, "clip", "Frames of one clip and lone pictures alike: no method looks at more than its frame"
        )
    return "\n\n".join(part(scores, mode, TITLES[mode]) for mode in MODES)


def part(scores: Scores, mode: str, title: str) -> str:
    """What is said of one mode."""
    sentences = "\n".join(f"- {sentence}" for sentence in worst_sentences(scores, mode))
    return f"### {title}\n\n{gains_table(scores, mode)}\n\n{measures_table(scores, mode)}\n\n{sentences}"


def all_alike(scores: Scores) -> bool:
    """Whether the modes differ nowhere."""
    return all(modes["clip"] == modes["single"] for modes in scores.values())


def names(scores: Scores, mode: str) -> list[str]:
    """The methods but bicubic."""
    return [name for name in next(iter(scores.values()))[mode] if name != BICUBIC]


def gain(scores: Scores, family: str, mode: str, name: str) -> float:
    """Luma PSNR above bicubic, dB."""
    return scores[family][mode][name].psnr_db - scores[family][mode][BICUBIC].psnr_db


def mean_gain(scores: Scores, mode: str, name: str) -> float:
    """Its mean over the families."""
    return mean([gain(scores, family, mode, name) for family in scores])


def worst_family(scores: Scores, mode: str, name: str) -> str:
    """Where a method gains least."""
    return min(scores, key=lambda family: gain(scores, family, mode, name))


def worst_sentences(scores: Scores, mode: str) -> list[str]:
    """For each method, its worst family and its mean."""
    return [worst_sentence(scores, mode, name) for name in names(scores, mode)]


def worst_sentence(scores: Scores, mode: str, name: str) -> str:
    """One method's worst family, in how many it is below bicubic, and its mean over the families."""
    family = worst_family(scores, mode, name)
    least, below = gain(scores, family, mode, name), sum(gain(scores, one, mode, name) < 0 for one in scores)
    side = "below" if least < 0 else "above"
    return (
        f"{name} does worst on {family}, {abs(least):.2f} dB {side} bicubic; it is below bicubic in {below} of "
        f"{len(scores)} families, and {mean_gain(scores, mode, name):+.2f} dB from it on average."
    )


def gains_table(scores: Scores, mode: str) -> str:
    """Luma PSNR of bicubic, and what each method has more."""
    others = names(scores, mode)
    rows = [[f"{label(family)}", f"{scores[family][mode][BICUBIC].psnr_db:.2f}"] for family in scores]
    for row, family in zip(rows, scores, strict=True):
        row += [f"{gain(scores, family, mode, name):+.2f}" for name in others]
    rows.append(["**mean**", f"{mean([scores[one][mode][BICUBIC].psnr_db for one in scores]):.2f}"])
    rows[-1] += [f"**{mean_gain(scores, mode, name):+.2f}**" for name in others]
    return markdown(["luma PSNR above bicubic, dB", "bicubic has", *others], rows)


def label(family: str) -> str:
    """The name of a family, marked where nothing is ever trained on its like."""
    return f"{family} (held out)" if family in FAMILIES and FAMILIES[family].held_out else family


def measures_table(scores: Scores, mode: str) -> str:
    """The other measures, each the mean over the families."""
    found = [BICUBIC, *names(scores, mode)]
    rows = []
    for title, (form, read) in MEASURES.items():
        means = {name: mean([read(scores[family][mode][name]) for family in scores]) for name in found}
        base = means[BICUBIC] if OVER_BICUBIC in title else 0.0
        rows.append([title, *(format(means[name] - base, form) for name in found)])
    return markdown(["mean over the families", *found], rows)


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
