"""Verbs that several rooms do together: `train` reads data, clusters priors, learns, and scores what it has learned."""
