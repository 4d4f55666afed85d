"""The models that turn conditions and an identity into a brain."""
