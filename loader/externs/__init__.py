"""What objects expect of the kernel: configuration values, symbols, kernel functions."""
