"""INT8 of networks of one's own: any module or model, image to image."""
