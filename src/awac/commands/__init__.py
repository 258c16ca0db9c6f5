"""Commands with no module of their own: what stands between options and functions."""
