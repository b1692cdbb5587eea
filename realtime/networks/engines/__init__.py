"""How a network runs: OpenVINO or torch, on which device, at what precision."""
