"""The command line: one file per command; the only place that builds objects and catches errors."""
