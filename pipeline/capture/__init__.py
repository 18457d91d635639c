"""The stage capture: frames of cameras, videos, folders and of the simulated demo, to data/raw."""
