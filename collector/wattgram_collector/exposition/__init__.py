"""Views. Reading changes nothing."""
