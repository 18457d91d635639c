"""What the page Data shows and does: clips, their pictures and versions, and what everything takes on disk."""
