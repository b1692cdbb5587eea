"""What the tests share: waiting, made-up networks and sources, media, servers and browsers."""
