"""A simulated telco's life, lived through the platform's own jobs: `life` lives it, `account` tells it afterwards."""
