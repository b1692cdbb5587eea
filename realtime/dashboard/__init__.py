"""The dashboard: a Gradio page for live pictures, videos and photos, and what stands behind it."""
