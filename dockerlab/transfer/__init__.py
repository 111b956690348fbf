"""Images in and out: docker archives, and the catalogue of base images composed from Debian packages."""
