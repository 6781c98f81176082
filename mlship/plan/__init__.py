"""What was asked: text → schema check → frozen values. The values that other stations share live here too."""
