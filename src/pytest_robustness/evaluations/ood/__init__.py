"""Detection of out-of-distribution samples: what is measured, on which sets, by which scores."""
