"""Readers: an open file becomes records, one at a time, whatever its format. What a record means is the source's."""
