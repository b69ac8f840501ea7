"""Public file formats of models, in and out."""
