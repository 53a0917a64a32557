"""What holds the device's private key: a PKCS#11 token, or a file for development only."""
