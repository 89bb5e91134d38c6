"""The input and the output of every decision: a snapshot of the cluster goes in, one step comes out. Pure."""
