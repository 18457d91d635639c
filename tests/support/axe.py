"""What axe-core objects to on a page of a real Chromium."""

from making import ROOT
from playwright.sync_api import Page

SCRIPT = ROOT / "node_modules/axe-core/axe.min.js"


def serious(page: Page) -> list[str]:
    """Its serious and critical findings, contrast among them, each with the first element that has it."""
    page.evaluate(SCRIPT.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]
