"""The graph of the stages: what one hands to the next stands between them, and each has one reason."""

from app.graph import Handed, as_html
from app.stages import Pipeline, Stage

PIPELINE = Pipeline((Stage("capture", ()), Stage("teacher", ("capture",), "stale", ("a changed", "b changed"))))


def test_what_is_handed_on_stands_between_the_stages():
    drawn = as_html(PIPELINE, {"capture": Handed("3 raw frames", "data:image/jpeg;base64,x")})
    assert drawn.index("capture") < drawn.index("3 raw frames") < drawn.index("teacher")
    assert '<img alt="" src="data:image/jpeg;base64,x">' in drawn


def test_a_stage_shows_one_reason_and_how_many_more_there_are():
    assert "<p>a changed (and 1 more)</p>" in as_html(PIPELINE)
    assert 'title="a changed; b changed"' in as_html(PIPELINE)
