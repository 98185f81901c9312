"""Readers, sparse autoencoders, their training, their folders and their labels."""
