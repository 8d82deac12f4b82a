"""The dock that segments images with a saved model."""
