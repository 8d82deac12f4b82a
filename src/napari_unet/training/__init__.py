"""Train a U-Net: honest split, patches, augmentation, losses, ``fit()``. Empty: torch loads with the modules."""
