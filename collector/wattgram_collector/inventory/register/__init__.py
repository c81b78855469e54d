"""The asset register: what a host, or a thing without an agent, is to the organisation."""
