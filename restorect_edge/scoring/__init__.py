"""What `evaluate` scores: images, and the methods whose results for them are compared."""
