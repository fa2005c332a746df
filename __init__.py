"""bpflab: the conformance and benchmark lab for eBPF loaders."""

__version__ = "0.1.0"
