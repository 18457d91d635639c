"""What the page Enhance stands on: the files of a call, the form that starts one, what became of it."""
