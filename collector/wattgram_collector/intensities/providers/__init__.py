"""Who says live what the grid does. A file each: how to ask, and a pure `parse`."""
