"""A release manager for Kubernetes: a release is a commit, and reconcile is the one road to a cluster."""

__version__ = "0.1.0"
