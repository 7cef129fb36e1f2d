"""Training core: data, losses, loops. Import the modules by name; none is imported here."""
