"""An RTSP server for one video file; run by the Python that has gi and GStreamer.

usage: rtsp_server.py PORT MOUNT FILE [USER PASSWORD]
Serves rtsp://127.0.0.1:PORT/MOUNT; prints "ready", and "client" for every connection.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PIPELINE = (
    '( filesrc location="{}" ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )'
)


def protect(server, factory, user, password):
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")  # GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    factory.add_role_from_structure(
        Gst.Structure.new_from_string(
            "viewer, media.factory.access=true, media.factory.construct=true"
        )
    )


def main(port, mount, path, *account):
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(PIPELINE.format(path))
    factory.set_shared(True)
    if account:
        protect(server, factory, *account)
    server.get_mount_points().add_factory(mount, factory)
    server.connect("client-connected", lambda *_: print("client", flush=True))
    if server.attach(None) == 0:
        sys.exit(f"port {port} is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
