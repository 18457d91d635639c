"""The one command, `sharpcam`: a table of the modules that answer. It loads none of them before it is asked to."""
