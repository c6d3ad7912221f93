#!/bin/sh
# A throw-away PostgreSQL server for the tests: postgres.sh start|stop|resume DIR PORT
# `stop` pulls the plug (-m immediate), `resume` starts what was stopped. DURABLE=1 keeps PostgreSQL's own promises about commits.
# After start: postgresql+psycopg://app@127.0.0.1:PORT/app. As root it runs as the user `postgres`, who must be able to reach DIR.
set -eu

action=${1:?start or stop} folder=${2:?folder} port=${3:-}

newest() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }
bin=$(newest)
if [ ! -x "$bin/initdb" ]; then
    bin=$(dirname "$(command -v initdb || echo /missing/initdb)")
fi
if [ ! -x "$bin/initdb" ]; then
    echo "postgres.sh: PostgreSQL is not installed (no initdb)" >&2
    exit 3
fi

as_owner() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

start() {
    mkdir -p "$folder"
    if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
    chmod 700 "$folder"
    cd /
    as_owner "$bin/initdb" -D "$folder/data" -U app -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
    resume
    as_owner "$bin/createdb" -h 127.0.0.1 -p "$port" -U app app
}

resume() {
    cd /
    hasty="-c fsync=off -c synchronous_commit=off -c full_page_writes=off" # what does not outlive the tests need not reach the disk
    if [ -n "${DURABLE:-}" ]; then hasty=""; fi
    as_owner "$bin/pg_ctl" -D "$folder/data" -w -s -l "$folder/log" -o "-p $port -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories=$folder $hasty" start
}

stop() {
    cd /
    as_owner "$bin/pg_ctl" -D "$folder/data" -w -s -m immediate stop
}

case $action in
start) : "${port:?port}"; start ;;
stop) stop ;;
resume) : "${port:?port}"; resume ;;
*) echo "postgres.sh: start, stop or resume" >&2; exit 2 ;;
esac
