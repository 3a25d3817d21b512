"""The report: one HTML page about data, model and list; the model card of a bundle."""
