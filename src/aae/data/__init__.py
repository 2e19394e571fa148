"""Data: sources, splits, batches and augmentation."""
