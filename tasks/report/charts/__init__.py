"""Pictures of a run: on its page in light or dark colours, and as files for papers."""
