"""Networks in whose features volumes are compared: one that is trained here without labels, and Med3D's."""
