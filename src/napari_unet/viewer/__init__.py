"""The only room that imports napari, Qt or magicgui: layers in and out, docks, plots, sample data."""
