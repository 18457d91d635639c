"""What is to be done to every file of a call, be it a picture or a video."""

from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.enhance.comparison import Comparison
from pipeline.enhance.encoding import Encoding, container_of
from pipeline.enhance.enhancer import Advance, Enhancer, Measured
from pipeline.enhance.images.picture import Picture
from pipeline.enhance.images.read import enhancing_bytes, lost_of, read_picture
from pipeline.enhance.images.write import writable, write_picture
from pipeline.enhance.memory_budget import MemoryBudget
from pipeline.enhance.muxing import lost_beside
from pipeline.enhance.names import is_video
from pipeline.enhance.sound import recoded_of
from pipeline.enhance.tasks import Row, Task
from pipeline.enhance.video import enhance_video, kept_bits
from pipeline.media.colours import Colours
from pipeline.media.decoding import Damage
from pipeline.media.glance import Glance
from pipeline.media.video import look_at


@dataclass(frozen=True)
class Work:
    """What is to be done to every file."""

    pictures_by: Enhancer
    videos_by: Enhancer
    encoding: Encoding
    upright: bool  # pixels are turned as EXIF says; else they stay as they are, and EXIF says so too
    megapixels: float
    quality: int
    segment_frames: int
    calm: float = 1.0  # of videos
    keep_interlaced: bool = False
    compared: str | None = None  # with what
    room: MemoryBudget = field(default_factory=MemoryBudget)

    def identity(self, task: Task) -> dict[str, Any]:
        """All that decides what becomes of a file, besides its content."""
        if is_video(task.source):
            return {
                "enhancer": self.videos_by.identity,
                "calm": self.calm,
                "keep_interlaced": self.keep_interlaced,
                "encoding": self.encoding.suited(task.target).options,
            }
        return {"enhancer": self.pictures_by.identity, "quality": self.quality}

    def run(self, task: Task, advance: Advance) -> tuple[Row, list[Measured]]:
        """Enhance one file; gives what was measured of its pictures too."""
        by, run = (self.videos_by, self._video) if is_video(task.source) else (self.pictures_by, self._picture)
        enhancer = by.anew() if isinstance(by, Comparison) else by
        row = run(task, enhancer, advance)
        row.enhanced_bytes = task.target.stat().st_size
        return row, enhancer.measured

    def _picture(self, task: Task, enhancer: Enhancer, advance: Advance) -> Row:
        writable(task.target)
        compared = self.compared is not None
        with self.room.taken(enhancing_bytes(task.source, megapixels=self.megapixels, compared=compared)):
            picture = read_picture(task.source, megapixels=self.megapixels)
            if self.upright:
                picture = picture.upright()
            picture = picture.spread()
            size, enhancer = picture.size, enhancer.seen([picture.colour])
            picture = enhanced(picture, enhancer, advance)  # what was read is not kept beside it
            write_picture(task.target, picture, quality=self.quality)
            note = lost_of(task.source, task.target)
            return Row(task.name, "done", *size, *picture.size, frames=1, note=note).seen(enhancer.dials)

    def _video(self, task: Task, enhancer: Enhancer, advance: Advance) -> Row:
        facts, damage = look_at(task.source), Damage()
        facts = replace(facts, interlaced=facts.interlaced and not self.keep_interlaced)
        (width, height), enhancer = facts.size, enhancer.seen(Glance(facts)).streaming(self.calm)
        frames, made = enhance_video(
            task.source,
            task.target,
            enhancer,
            self.encoding,
            segment_frames=self.segment_frames,
            as_shown=self.upright,
            keep_interlaced=self.keep_interlaced,
            damage=damage,
            advance=lambda count: advance(count * width * height),
        )
        encoding = self.encoding.suited(task.target, bits=facts.colours.bits)
        lost = lost_of_colours(facts.colours, encoding, kept=kept_bits(facts, encoding, enhancer))
        lost += lost_beside(facts, container_of(task.target))
        interlaced = "deinterlaced (--keep-interlaced leaves that)" if facts.interlaced else ""
        sound, left_out = recoded_of(task.source, task.target), f"left out: {', '.join(lost)}" if lost else ""
        note = "; ".join(filter(None, [str(damage), interlaced, sound, left_out]))
        return Row(task.name, "done", width, height, *made, frames=frames, note=note).seen(enhancer.dials)


def lost_of_colours(colours: Colours, encoding: Encoding, *, kept: int) -> list[str]:
    """What a codec does not keep of a video's colours, of which `kept` bits are, in a few words."""
    lost = [f"{colours.bits - kept} of its {colours.bits} bits a colour"] if kept < colours.bits else []
    return lost + (["how bright it is meant (HDR)"] if colours.light and not encoding.table.light else [])


def enhanced(picture: Picture, enhancer: Enhancer, advance: Advance | None = None) -> Picture:
    """The picture that is made of another: its alpha enlarged beside, what its file tells kept."""
    colour = enhancer.enhance(picture.colour, advance)
    alpha = None if picture.alpha is None else enhancer.beside(picture.alpha)
    return replace(picture, colour=colour, alpha=alpha, grey=picture.grey and not isinstance(enhancer, Comparison))
