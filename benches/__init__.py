"""Side by side: segpost, what people write instead of it, and the floor the memory sets."""
