"""What runs in a step's container of the Kubeflow pipeline; pipelines/ compiles the pipeline."""
