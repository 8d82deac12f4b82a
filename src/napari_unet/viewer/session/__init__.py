"""Sessions in the viewer: kept while somebody paints, offered back after a crash, saved as projects."""
