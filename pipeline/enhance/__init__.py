"""Pictures, videos and cameras through a student: python -m pipeline.enhance."""
