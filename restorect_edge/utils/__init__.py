"""What every room uses: atomic writes, TOML, the CPU's features."""
