"""The doctor: looks at everything that an operator would look at, and says of each what to do."""
