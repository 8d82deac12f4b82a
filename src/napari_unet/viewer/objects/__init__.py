"""The Objects dock: objects corrected, measured and found anew."""
