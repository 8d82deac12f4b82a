def demo():
    """Demo."""
