"""A testbed of latent methods on a small model: its world, what is learnt in it, error statistics, and cycles."""
