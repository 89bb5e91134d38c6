"""docs/performance.md and its plots, made of the figures that `make bench` left; nothing in it is written by hand."""
