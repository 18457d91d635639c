"""The graph of the stages as HTML: a card for each stage, and between them what they hand on, as small pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from app.stages import Pipeline, Stage
from pipeline.core.progress import in_hours

COLOURS = {  # readable with white text, and as a line on light and on dark
    "fresh": "#2e7d32",
    "stale": "#b45309",
    "never run": "#64748b",
    "running": "#1d6fd8",
    "failed": "#c62828",
    "blocked": "#7c3aed",
}
STYLE = """<style>
.stages{container-type:inline-size}
.graph{display:flex;align-items:stretch;gap:.35rem}
.stage{flex:1 1 0;min-width:0;max-width:11rem;border:1px solid rgba(128,128,128,.4);
border-top:4px solid var(--colour);border-radius:.5rem;padding:.5rem .4rem;font-size:.85rem;overflow-wrap:anywhere}
.stage b{font-size:.95rem;overflow-wrap:normal}.stage small{display:block;opacity:.75}
.stage p{font-size:.8rem;line-height:1.3;margin:.2rem 0 0}
.state{display:inline-block;background:var(--colour);color:#fff;border-radius:.8rem;padding:0 .55rem;margin:.2rem 0}
.bar{height:.3rem;border-radius:.2rem;background:rgba(128,128,128,.3);margin:.2rem 0}
.bar i{display:block;height:100%;border-radius:.2rem;background:var(--colour)}
.data{flex:0 1 3.4rem;min-width:2.6rem;
display:flex;flex-direction:column;align-items:center;justify-content:center;gap:.2rem;
font-size:.75rem;line-height:1.25;text-align:center;overflow-wrap:anywhere}
.data img{width:100%;aspect-ratio:4/3;object-fit:cover;border-radius:.35rem}
.data::after{content:"→";font-size:1.1rem;line-height:1;opacity:.6}
.arrow{align-self:center;opacity:.6}
@container(max-width:780px){.graph{flex-direction:column}.stage{flex:none;max-width:none}.data{flex:none;flex-direction:row;justify-content:flex-start;
padding-left:1rem}.data img{width:4.2rem}.data::after{content:"↓"}.arrow{display:none}}
</style>"""


@dataclass(frozen=True)
class Handed:
    """What a stage hands on."""

    words: str
    url: str | None = None  # of a small picture


def as_html(pipeline: Pipeline, handed: Mapping[str, Handed] | None = None) -> str:
    """Stages from left to right with what each hands on; on a narrow page from top to bottom."""
    parts = []
    last = len(pipeline.stages) - 1
    for index, stage in enumerate(pipeline.stages):
        parts.append(_card(stage))
        if found := (handed or {}).get(stage.name):
            parts.append(_data(found))
        elif index < last:
            parts.append('<div class="arrow" aria-hidden="true">→</div>')
    return f'{STYLE}<div class="stages"><div class="graph">{"".join(parts)}</div></div>'


def _data(handed: Handed) -> str:
    picture = f'<img alt="" src="{escape(handed.url)}">' if handed.url else ""
    return f'<div class="data">{picture}<span>{escape(handed.words)}</span></div>'


def _card(stage: Stage) -> str:
    needs = f"reads {escape(', '.join(stage.needs))}" if stage.needs else "the first stage"
    return (
        f'<div class="stage" data-stage="{escape(stage.name)}" data-state="{stage.state}" '
        f'style="--colour:{COLOURS[stage.state]}" title="{escape("; ".join(stage.reasons))}">'
        f"<b>{escape(stage.name)}</b><br><span class='state'>{_state(stage)}</span>{_bar(stage)}"
        f"<small>{_time(stage)}</small><small>{needs}</small>{_reason(stage)}</div>"
    )


def _time(stage: Stage) -> str:
    """How long it will take where it has to run, else how long it took."""
    if stage.state != "fresh" and stage.expected_s is not None:
        return f"about {in_hours(stage.expected_s)}".replace("about less", "less")
    return "" if stage.last_s is None else f"took {in_hours(stage.last_s)}"


def _reason(stage: Stage) -> str:
    """The first of the reasons: all of them are in the card's title."""
    if not stage.reasons:
        return ""
    more = len(stage.reasons) - 1
    return f"<p>{escape(stage.reasons[0])}{f' (and {more} more)' if more else ''}</p>"


def _state(stage: Stage) -> str:
    return f"running {stage.progress.share:.0%}" if stage.progress else stage.state


def _bar(stage: Stage) -> str:
    if stage.progress is None:
        return ""
    return f'<div class="bar"><i style="width:{min(1, stage.progress.share):.0%}"></i></div>'
