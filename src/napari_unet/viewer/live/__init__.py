"""Learning while somebody paints, as the viewer sees it."""
