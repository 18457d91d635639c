"""One module per DVC stage, and what two of them share."""
