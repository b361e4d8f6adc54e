"""A release manager for Kubernetes: a release is a commit, and reconcile is the one way to a cluster."""

__version__ = "0.1.0"
