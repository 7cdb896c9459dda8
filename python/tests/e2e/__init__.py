"""End to end: programs as a user writes them, on real clusters, through the public names alone."""
