"""Driver `sagemaker`."""
