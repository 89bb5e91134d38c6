"""The custom resources as users write them, and the CRDs made from them. Pure: no I/O, no clock."""
