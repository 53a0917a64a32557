"""The files under deploy, tried on real servers."""
