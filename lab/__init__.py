"""A real Kubernetes, registry, Docker engine, Git server and Prefect server on one machine.

For the demo and the tests. It brings up what is missing, uses what is there, listens
on loopback only, and keeps everything in one folder. See docs/lab.md.
"""
