"""What one looks up: time limits of law, contact points, what a request for legal assistance states."""
