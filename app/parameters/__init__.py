"""params.yaml as people edit it: its fields, its presets, and changes that keep its comments."""
