"""What the page Runs shows of the runs that are compared."""
