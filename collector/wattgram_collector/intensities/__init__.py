"""Where intensities come from. One file each."""
