"""Recipes: read, checked, planned and run. The one visible table of steps is in `table`."""
