"""What the bench of answers needs: a community of some size, our API and PostGraphile, questions to both, and load."""
