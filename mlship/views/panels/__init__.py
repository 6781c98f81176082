"""The parts of the dashboard: each a pure function from state and feed to lines of one width."""
