"""An exported student at run time: its contract, its dials, the engines. No torch."""
