"""An interpreter of the Model Intermediate Language, which Core ML packages are written in."""
