"""Labels, the training set, the split in time, models and their evaluation."""
