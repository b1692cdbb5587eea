"""The stream, stage by stage: frames, faces, emotions, group, timeline."""
