"""What a service manager and the gateway say to each other; knows no systemd library."""
