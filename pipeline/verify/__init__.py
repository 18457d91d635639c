"""Verifying all that is not to change: what is looked at, and taking damaged recordings from DVC's cache."""
