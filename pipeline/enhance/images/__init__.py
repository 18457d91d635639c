"""Picture files, read and written with all that they hold."""
