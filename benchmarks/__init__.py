"""Speed and quality, measured side by side in one run."""

import pipeline  # noqa: F401 (before torch: it says how threads wait)
