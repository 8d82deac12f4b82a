"""Learning while somebody paints. Empty: torch loads with the modules."""
