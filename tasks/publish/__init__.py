"""Publish: the rows that every stage kept, checked once more, as the data set people use."""
