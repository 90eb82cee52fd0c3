"""Tables and pictures of a finished or running run."""
