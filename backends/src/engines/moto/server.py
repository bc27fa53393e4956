"""Serves moto's DynamoDB on loopback, one request after the other.

moto checks a condition and then writes, with nothing that holds the table between, so that two conditional writes at
the same time could both succeed, which DynamoDB rules out. Requests that take turns cannot do that.
"""

import io
import sys
from threading import Lock

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple


class OneAtATime:
    def __init__(self, app):
        self.app = app
        self.turn = Lock()

    def __call__(self, environ, start_response):
        # The body is read before the turn comes, so that a slow client holds up nobody.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        with self.turn:
            return list(self.app(environ, start_response))


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        pass


if __name__ == "__main__":
    app = OneAtATime(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=Quiet)
