"""Collect: sources become problems, each row with an identity and a fate; duplicates go."""
