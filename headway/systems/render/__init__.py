"""kustomize and Helm, run as they are: what they write is what is applied.

They see a scratch folder that holds one unit's sources, no network, no cluster and no other program. This package
decides nothing of what is rendered, and knows no Git.
"""
