"""Serves moto's DynamoDB on a port, of loopback or of another address, one request at a time.

moto checks a condition and then writes, without a lock on the table, so that two concurrent conditional writes could
both succeed, which DynamoDB excludes. Requests that are serialized cannot.
"""

import io
import sys
from threading import Lock

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple


class SerialApplication:
    def __init__(self, app):
        self.app = app
        self.lock = Lock()

    def __call__(self, environ, start_response):
        # The body is read before the lock is acquired, so that a slow client blocks no other.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        with self.lock:
            return list(self.app(environ, start_response))


class QuietRequestHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        pass


if __name__ == "__main__":
    address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    app = SerialApplication(DomainDispatcherApplication(create_backend_app))
    run_simple(address, int(sys.argv[1]), app, threaded=True, request_handler=QuietRequestHandler)
