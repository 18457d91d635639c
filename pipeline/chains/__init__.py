"""The teacher's chains: steps, networks and their weights, the runner, and where it runs."""
