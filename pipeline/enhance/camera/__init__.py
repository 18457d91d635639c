"""A camera through a student, as it happens."""
