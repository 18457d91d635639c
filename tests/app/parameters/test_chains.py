"""The switches of a chain have words for every step that there is."""

from app.parameters.chains import WORDS
from pipeline.teacher.steps import STEPS


def test_every_step_has_words_on_the_page():
    assert WORDS.keys() == STEPS.keys()
