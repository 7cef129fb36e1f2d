"""Training data: pairs, datasets, degradations and sampling."""
