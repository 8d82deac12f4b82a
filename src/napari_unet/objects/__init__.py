"""Objects, each with its own number: found in predicted maps, linked, corrected and measured. Free of torch and Qt."""
