# The image of web, worker and release step alike; scripts/deploy/compose.yaml says which is which.
# It holds no secret: those come from the environment and from the volume /data.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin smoall \
    && install --directory --owner smoall --group smoall --mode 0700 /data

WORKDIR /app
COPY requirements.lock ./
# One lock for everything; what only tests need does not stay.
RUN pip install --require-hashes --only-binary :all: -r requirements.lock \
    && pip uninstall --yes --quiet aiosmtpd axe-playwright-python django-stubs hypothesis import-linter mypy playwright \
        pytest pytest-base-url pytest-django pytest-playwright ruff

COPY . .
# Whatever umask it was checked out with: another user runs it.
RUN chmod -R a+rX . && python -m shared_apps.kit.styles && python -m scripts.messages compile

ENV SMOALL_ENV=production SMOALL_DATA=/data SMOALL_BIND=0.0.0.0:8000 SMOALL_IN_CONTAINER=1
USER smoall
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "-c", "python:config.web", "config.wsgi:application"]
