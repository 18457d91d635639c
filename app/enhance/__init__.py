"""What the page Enhance stands on: the files of a call."""
