"""PURE. Joules to grams: slots, factors, network. No IO, no clock."""
