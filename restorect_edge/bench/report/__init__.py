"""Reports of measurements: tables, plots, pages and the console."""
