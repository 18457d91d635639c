"""The graph of the stages as HTML: an arc for each stage that another reads from, and a card for each stage."""

from base64 import b64encode
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
.stages{display:grid;grid-template-columns:repeat(var(--count),minmax(0,1fr));gap:.6rem}
.stage{border:1px solid rgba(128,128,128,.4);border-top:4px solid var(--colour);border-radius:.5rem;padding:.5rem .6rem;
font-size:.85rem;overflow-wrap:anywhere}
.stage b{font-size:1rem}.stage ul{margin:.3rem 0 0;padding-left:1rem}.stage small{opacity:.75}
.stage li{font-size:.8rem;line-height:1.3;margin:0 0 .2rem}
.state{display:inline-block;background:var(--colour);color:#fff;border-radius:.8rem;padding:0 .55rem;margin:.2rem 0}
.bar{height:.3rem;border-radius:.2rem;background:rgba(128,128,128,.3);margin:.2rem 0}
.bar i{display:block;height:100%;border-radius:.2rem;background:var(--colour)}
.arcs{display:block;width:100%;height:4rem}
@media(max-width:1000px){.stages{grid-template-columns:1fr}.arcs{display:none}}
</style>"""
MOST_REASONS = 4


def as_html(pipeline: Pipeline) -> str:
    """Arcs above, cards below, from left to right; on a narrow page the cards alone, from top to bottom."""
    cards = "".join(_card(stage) for stage in pipeline.stages)
    return f'{STYLE}{_arcs(pipeline)}<div class="stages" style="--count:{len(pipeline.stages)}">{cards}</div>'


def _arcs(pipeline: Pipeline) -> str:
    """In a box of 1 in width and 1 in height, which the page stretches; a picture, as the page lets no SVG through."""
    names = [stage.name for stage in pipeline.stages]
    arcs = []
    for column, stage in enumerate(pipeline.stages):
        for need in stage.needs:
            begin, end = ((index + 0.5) / len(names) for index in (names.index(need), column))
            top = 1 - (end - begin) * 1.3
            arcs.append(f"M{begin:.4f} 1C{begin:.4f} {top:.4f} {end:.4f} {top:.4f} {end:.4f} 1")
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" preserveAspectRatio="none">'
        f'<path d="{"".join(arcs)}" fill="none" stroke="#888" stroke-width="1.5" vector-effect="non-scaling-stroke"/>'
        "</svg>"
    )
    words = "; ".join(f"{stage.name} reads {', '.join(stage.needs)}" for stage in pipeline.stages if stage.needs)
    picture = b64encode(drawing.encode()).decode()
    return f'<img class="arcs" alt="{escape(words)}" src="data:image/svg+xml;base64,{picture}">'


def _card(stage: Stage) -> str:
    shown = [*stage.reasons[:MOST_REASONS]]
    if len(stage.reasons) > len(shown):
        shown.append(f"and {len(stage.reasons) - len(shown)} more")
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in shown)
    last = "" if stage.last_s is None else f"<small>last time {in_hours(stage.last_s)}</small><br>"
    needs = f"<small>reads {escape(', '.join(stage.needs))}</small>" if stage.needs else "<small>begins</small>"
    return (
        f'<div class="stage" data-stage="{escape(stage.name)}" data-state="{stage.state}" '
        f'style="--colour:{COLOURS[stage.state]}" title="{escape("; ".join(stage.reasons))}">'
        f"<b>{escape(stage.name)}</b><br><span class='state'>{_state(stage)}</span>{_bar(stage) or '<br>'}{last}{needs}"
        f"{f'<ul>{reasons}</ul>' if reasons else ''}</div>"
    )


def _state(stage: Stage) -> str:
    return f"running {stage.progress.share:.0%}" if stage.progress else stage.state


def _bar(stage: Stage) -> str:
    if stage.progress is None:
        return ""
    return f'<div class="bar"><i style="width:{min(1, stage.progress.share):.0%}"></i></div>'
