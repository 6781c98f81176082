"""What several test packages share: a model server, a place to deploy to, and users."""
