"""Models of the custom resources, and the CRDs generated from them. Pure: no I/O, no clock."""
