"""churn-mlops: which users will leave, why, and a system that looks after itself."""

__version__ = "0.1.0"
