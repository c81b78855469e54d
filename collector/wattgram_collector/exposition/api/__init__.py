"""The JSON API: everything that the pages show, described by one table of routes."""
