"""What a figure means, in a few words: the one home of the thresholds and of the words, for commands and pages."""

GATE_DB = 0.2  # a student has to be this much better than the better of bicubic and Lanczos: less cannot be seen
CLEARLY_DB = 1.0
CALMER, ROUGHER = 0.95, 1.05  # flicker, as a share of bicubic's
SLIGHT_HALO, PLAIN_HALO = 0.2, 1.0  # grey levels at strong edges
LIVE_FPS = 25


def describe_margin(margin_db: float) -> str:
    """How a student compares with bicubic that is `margin_db` above it."""
    if margin_db < -GATE_DB:
        return "worse than bicubic"
    if margin_db < GATE_DB:
        return "like bicubic"
    return "a little better than bicubic" if margin_db < CLEARLY_DB else "clearly better than bicubic"


def describe_flicker(levels: float, bicubic: float) -> str:
    """How much a picture moves where nothing does, next to bicubic's `bicubic` grey levels."""
    if levels < CALMER * bicubic:
        return "calmer"
    return "as calm" if levels <= ROUGHER * bicubic else "flickers more"


def describe_halo(levels: float) -> str:
    """How much lighter and darker seams an enlargement has at strong edges; bicubic has none."""
    if levels < SLIGHT_HALO:
        return "no halos"
    return "slight halos" if levels < PLAIN_HALO else "visible halos"


def describe_speed(ms: float) -> str:
    """How many frames a second that is, and whether it does for live video."""
    fps = 1e3 / ms
    return f"{fps:.0f} frames/s" if fps >= LIVE_FPS else f"{fps:.1f} frames/s, too few for live video"
