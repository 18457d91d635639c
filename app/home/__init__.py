"""The page Home in parts."""
