"""Box priors from the shapes of the boxes of a data set: dimension clusters. Knows widths and heights, and no files."""
