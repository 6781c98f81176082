"""Bad plans beside the message that each must produce."""
