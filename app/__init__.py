"""What a person sees. Loads no torch, so that a page opens in a second."""
