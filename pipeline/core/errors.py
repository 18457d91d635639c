"""The one kind of error that a user is shown as a sentence instead of a traceback."""


class SharpcamError(Exception):
    """What was expected, what was found and the next step, in one sentence for the user."""
