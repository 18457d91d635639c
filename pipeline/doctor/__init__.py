"""The doctor: what is missing on this machine and in this project, each with a one-line fix."""
