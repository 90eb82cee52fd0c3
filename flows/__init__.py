"""Which stages run, in which order, on what."""
