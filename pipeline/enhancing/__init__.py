"""Pictures, videos and cameras through a student: what pipeline.enhance is made of."""
