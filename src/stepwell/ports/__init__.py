"""The protocols: what the engine needs of the world, in words and types."""
