"""What all runtimes share: the contract, exact tiling, the prior, videos; and PyTorch, which runs weights."""
