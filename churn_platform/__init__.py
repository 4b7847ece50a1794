"""A platform that keeps one telco's churn model healthy in production."""

__version__ = "0.1.0"
