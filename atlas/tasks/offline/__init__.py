"""Tasks that need no download: their data comes with installed packages or is generated."""
