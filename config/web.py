"""gunicorn's settings, for the supervisor and the container: `gunicorn -c python:config.web config.wsgi`.

Its logs hold neither addresses nor paths: a path may carry a single-use link, a host names a client.
"""

import logging
import os

from gunicorn.glogging import Logger

from shared_apps.kit.logs import WithoutValues

bind = os.environ.get("SMOALL_BIND", f"127.0.0.1:{os.environ.get('SMOALL_PORT', '8000')}").split(",")
workers = int(os.environ.get("SMOALL_WEB_WORKERS", "2"))
worker_class = "gthread"
threads = int(os.environ.get("SMOALL_WEB_THREADS", "4"))
timeout = 60
graceful_timeout = 8
keepalive = 5
control_socket_disable = True
proc_name = "smoall-web"
forwarded_allow_ips = os.environ.get("SMOALL_PROXIES", "127.0.0.1,::1")
forwarder_headers = (
    ""  # else a visitor's header SCRIPT_NAME, passed on by the proxy, would stand in mailed links
)

accesslog = "-"
errorlog = "-"
# Moment, method, status, bytes, microseconds.
access_log_format = "%(t)s %(m)s %(s)s %(B)s %(D)s"


class WithoutVisitors(logging.Filter):
    """Takes out of gunicorn's own messages what they say about a visitor: address, path, what was sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = str(record.msg)
        if said.startswith("Invalid request from"):
            record.msg, record.args = "A request that is not valid HTTP was refused", ()
        elif said.startswith("Error handling request"):
            record.msg, record.args = "A request ended with an error", ()
        return True


class QuietLogger(Logger):
    """gunicorn's logger with that filter on."""

    def setup(self, cfg: object) -> None:
        super().setup(cfg)
        self.error_log.addFilter(WithoutVisitors())
        for handler in self.error_log.handlers:
            handler.setFormatter(WithoutValues(self.error_fmt, self.datefmt))


logger_class = QuietLogger
