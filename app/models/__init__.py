"""The page Models in parts."""
