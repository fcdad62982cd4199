"""The portal: catalogue, registration, the visitor's session."""
