"""What is measured of a model: where its time goes."""
