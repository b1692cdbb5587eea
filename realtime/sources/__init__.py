"""Where frames come from: files, cameras, network streams, photos; the capture thread."""
