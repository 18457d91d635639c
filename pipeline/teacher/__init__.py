"""The stage teacher: a chain of steps, its networks and their weights, and where it runs, to data/teacher."""
