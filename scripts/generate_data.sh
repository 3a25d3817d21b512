#!/usr/bin/env sh
# Brings the event log in; arguments go on to `churn generate-data`.
set -eu
exec churn generate-data "$@"
