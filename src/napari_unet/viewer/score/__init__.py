"""The Scores dock: any two Labels layers against each other."""
