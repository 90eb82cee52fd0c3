"""Estimate: what a run would take, before it is paid: from published rates, or from a pilot."""
