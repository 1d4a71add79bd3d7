"""WordTrees: groups, levels, grouped softmax, probabilities along a path and the walk down. NumPy and torch alike."""
