"""What may be typed into a free field, to choose from: models to start from, cameras to record."""

from pathlib import Path

from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.tracking import registry


def suggestions(key: str) -> list[str]:
    """For the dotted parameter; none where there is nothing to suggest."""
    if key == "train.start_from":
        return ["bundled", "scratch", *registered(Paths())]
    if key == "capture.source":
        seen = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
        return ["demo", "inbox", *seen]
    if key == "teacher.device":
        return ["auto", "cpu", "cuda"]
    return []


def registered(paths: Paths) -> list[str]:
    """The registered students by name: champion, candidate and every version that is neither."""
    try:
        versions = registry.versions(paths)
    except SharpcamError:  # the page Models says so
        return []
    aliases = [alias for version in versions for alias in version.aliases]
    plain = [f"version:{version.number}" for version in versions if not version.aliases]
    return [*sorted(aliases, reverse=True), *plain]
