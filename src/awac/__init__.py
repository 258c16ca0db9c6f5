"""awac."""
