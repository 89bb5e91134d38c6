"""The lab: a real Kubernetes control plane, and on Linux with root a real node, as processes of this machine.

A tool and not the product: it imports nothing of the operator, and needs nothing but Python's standard library.
"""
