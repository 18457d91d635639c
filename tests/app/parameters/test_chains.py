"""Steps of a chain are switched where they stand, and all else stays as it is."""

import pytest

from app.parameters.chains import WORDS, steps_of, switched
from pipeline.teacher.steps import STEPS

CHAINS = """\
light: # quick
- crop: {} # first
- unsharp: {amount: 0.3} # mild
- denoise:
    luma_strength: 5.0
other:
- crop: {}
"""


def test_every_step_has_words_on_the_page():
    assert WORDS.keys() == STEPS.keys()


@pytest.mark.parametrize(
    ("number", "before", "after"),
    [
        (0, "- crop: {} # first\n", "- crop: # first\n    enabled: false\n"),
        (1, "- unsharp: {amount: 0.3} # mild\n", "- unsharp: # mild\n    amount: 0.3\n    enabled: false\n"),
        (2, "    luma_strength: 5.0\n", "    luma_strength: 5.0\n    enabled: false\n"),
    ],
)
def test_a_step_is_switched_off_and_on_again(number, before, after):
    off = switched(CHAINS, "light", number)
    assert off == CHAINS.replace(before, after, 1)
    assert [step.on for step in steps_of(off, "light")] == [at != number for at in range(3)]
    on = switched(off, "light", number)
    assert steps_of(on, "light") == steps_of(CHAINS, "light")
    assert switched(on, "light", number) == off


@pytest.mark.parametrize("text", ["", "light: 3", "light: [3]", "light: [{}]", "light: ["])
def test_what_is_no_chain_has_no_steps(text):
    assert steps_of(text, "light") == []
