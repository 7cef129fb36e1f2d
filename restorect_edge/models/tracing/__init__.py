"""Networks as graphs that converters take: traced, made convertible, or why that cannot be."""
