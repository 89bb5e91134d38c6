"""The metric backends that an administrator configures: one file for each wire format, and their configuration."""
