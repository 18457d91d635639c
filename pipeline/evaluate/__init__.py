"""The stage evaluate: the exported student against teacher, truth and the plain kernels, to metrics/."""
