"""Students on the same frames, so that figures and pictures can be compared. Reading results needs no torch."""
