"""What every installation needs of the web server; gunicorn reads this file where it is started."""

worker_class = "syncportal.server.BufferingWorker"
