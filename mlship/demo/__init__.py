"""The first thing that a new user runs: two real models, a real model server, bounded traffic."""
