"""Record → eyes: the same events for a terminal, for a pipe and for a machine. Nothing here acts."""
