"""Restoration of videos: streams, latent and brightness tracks."""
