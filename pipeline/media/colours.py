"""How the numbers of a video mean colours: as its frames say, or as players take it where they say nothing."""

from typing import Any, NamedTuple

from pipeline.core.geometry import Frame
from pipeline.media.light import Light, light_of

FROM_HD = 720  # lines, from which on players take what says nothing of its colours as BT.709
SMPTE170M, BT709, UNSPECIFIED, LIMITED = 6, 1, 2, 1  # ITU-T H.273
SWSCALE = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # matrices, as the converter of colours counts them
WITH_MATRIX = {1: (1, 1), 4: (4, 4), 5: (5, 6), 6: (6, 6), 7: (7, 7), 9: (9, 14), 10: (9, 14)}  # primaries, transfer
MOST_BITS = 16  # that a picture keeps


class Colours(NamedTuple):
    """How a video's numbers mean colours, as FFmpeg counts (ITU-T H.273)."""

    matrix: int
    range: int
    primaries: int
    transfer: int
    bits: int = 8  # of each
    light: Light | None = None


def colours_of(frame: Any) -> Colours:
    """What a frame says of its colours, or what players take it for where it says nothing."""
    told = (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc)
    matrix, span, primaries, transfer = (int(value) for value in told)
    if matrix not in SWSCALE:
        matrix = BT709 if frame.height >= FROM_HD else SMPTE170M
    full = frame.format.name.startswith("yuvj")
    return Colours(
        matrix,
        2 if full else span or LIMITED,
        WITH_MATRIX[matrix][0] if primaries == UNSPECIFIED else primaries,
        WITH_MATRIX[matrix][1] if transfer == UNSPECIFIED else transfer,
        bits_of(frame.format),
        light_of(frame),
    )


def bits_of(form: Any) -> int:
    """Bits of each colour in a pixel format of PyAV, as far as pictures have them: 8 to 16."""
    return min(MOST_BITS, max(8, *(int(part.bits) for part in form.components)))


def in_rgb(frame: Any, colours: Colours) -> Frame:
    """A frame of PyAV as (h, w, 3), RGB: uint8, or uint16 where its colours have more bits."""
    matrix, form = SWSCALE[colours.matrix], "rgb24" if colours.bits == 8 else "rgb48le"
    picture: Frame = frame.reformat(format=form, src_colorspace=matrix, src_color_range=colours.range).to_ndarray()
    return picture
