"""A testbed of latent methods on a small model: world, learning, errors, cycles; each starts from files of the others."""
