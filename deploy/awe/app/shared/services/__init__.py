"""The operators' door into the application; the troubleshooting guide names this package."""
