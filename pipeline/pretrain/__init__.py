"""How the networks that ship with sharpcam are trained, and bundled: python -m pipeline.pretrain."""
