"""The media link between the gateway and its worker processes: datagrams, both ends, supervision."""
