"""Record → eyes: the same events as a dashboard, as plain lines and as JSON lines; the plan as an outline."""
