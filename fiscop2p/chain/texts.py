"""
The texts of a node's directory: C{config.ini} and the scripts that start and stop it.

The scripts are POSIX sh, may be called from any directory, and say what those of FISCO BCOS say.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

_CONFIG = """\
[rpc]
    channel_listen_ip={listenIP}
    channel_listen_port={channelPort}
    jsonrpc_listen_ip=127.0.0.1
    jsonrpc_listen_port={rpcPort}
    disable_dynamic_group=false
[p2p]
    listen_ip={listenIP}
    listen_port={p2pPort}
    ; the nodes to connect to; a node skips its own address
{peers}
[certificate_blacklist]
    ; node IDs that are never let in, 128 hex digits each: crl.0, crl.1, ...
    ;crl.0=
[certificate_whitelist]
    ; when there is one, only these node IDs are let in: cal.0, cal.1, ...
    ;cal.0=
[group]
    group_data_path=data/
    group_config_path=conf/
[network_security]
    ; the directory of the three files that follow
    data_path=conf/
    key=node.key
    cert=node.crt
    ca_cert=ca.crt
[storage_security]
    enable=false
    key_manager_ip=
    key_manager_port=
    cipher_data_key=
[chain]
    id=1
    sm_crypto=false
    sm_crypto_channel=false
    rsa_crypto_channel=true
[compatibility]
    ; the version of the chain, which decides the form of the frames; not to be changed
    supported_version=2.11.1
[log]
    enable=true
    log_path=./log
    enable_console_output = false
    enable_statistic=false
    ; seconds between two statistics
    stat_flush_interval=60
    ; trace, debug, info, warning, error
    level=info
    ; megabytes
    max_log_file_size=200
    flush=true
[flow_control]
    ; requests a second
    ;limit_req=1000
    ; megabits a second
    ;outgoing_bandwidth_limit=2
"""

_ENTER = """\
CDPATH= cd -- "$(dirname -- "$0")" || exit 1
"""

_STATE = """\
name=${PWD##*/}

# Is the process of the pid file there, and is it this node's: after a reboot, or a kill -9, the
# number may belong to another process, or to a zombie.
alive() {
    [ -e node.pid ] || return 1
    if ! pid=$(cat node.pid 2>/dev/null); then
        echo " $name is another user's: this is for that user, or root" >&2
        exit 1
    fi
    case $pid in '' | 0* | *[!0-9]*) return 1 ;; esac
    kill -0 "$pid" 2>/dev/null || return 1
    [ ! -d "/proc/$pid" ] || [ "/proc/$pid/cwd" -ef . ]
}
"""

_START = f"""\
#!/bin/sh
# Starts this node; returns when it is running. TWISTD names another twistd (an absolute path).
{_ENTER}
twistd=@TWISTD@
[ -x "$twistd" ] || twistd=twistd
twistd=${{TWISTD:-$twistd}}
log=log/twistd.log
{_STATE}
# What the log says since this start; it may be another file meanwhile.
sinceStart() {{
    size=$(wc -c 2>/dev/null <"$log") || return 1
    [ "$size" -ge "$before" ] || before=0
    tail -c "+$((before + 1))" "$log"
}}

# One at a time; the node itself does not hold the lock.
exec 9<.
tries=60
while command -v flock >/dev/null && ! flock -n 9; do
    if [ "$((tries -= 1))" -lt 0 ]; then
        echo " $name is being started by another $0 already" >&2
        exit 1
    fi
    sleep 1
done
if alive; then
    echo " $name is running, pid is $pid."
    exit 0
fi
rm -f node.pid
mkdir -p log || exit 1
before=0
[ ! -f "$log" ] || before=$(wc -c <"$log")
# twistd returns when the node listens; what its log says depends on the level.
if "$twistd" --pidfile=node.pid --logfile="$log" fiscop2p --config config.ini 9<&- && alive; then
    echo " $name start successfully"
    exit 0
fi
reasons=$(sinceStart | tail -n 20)
echo " $name failed to start${{reasons:+; the end of $PWD/$log:}}" >&2
[ -z "$reasons" ] || echo "$reasons" >&2
exit 1
"""

_STOP = f"""\
#!/bin/sh
# Stops this node; returns when it has ended.
{_ENTER}
{_STATE}
if ! alive; then
    echo " $name isn't running."
    exit 0
fi
kill "$pid"
tries=60
while [ "$tries" -gt 0 ]; do
    if ! alive; then
        echo " stop $name success."
        exit 0
    fi
    tries=$((tries - 1))
    sleep 0.2
done
echo " $name is still running, pid is $pid; see $PWD/log/twistd.log, or kill -9 $pid" >&2
exit 1
"""

_ALL = f"""\
#!/bin/sh
# Runs @SCRIPT@ of every node of this directory, all at once.
{_ENTER}
pids=
for node in */; do
    [ -f "${{node}}config.ini" ] && [ -f "${{node}}@SCRIPT@" ] || continue
    sh "$PWD/${{node}}@SCRIPT@" &
    pids="$pids $!"
done
status=0
for pid in $pids; do
    wait "$pid" || status=1
done
exit "$status"
"""

STOP_SCRIPT = _STOP
START_ALL_SCRIPT = _ALL.replace("@SCRIPT@", "start.sh")
STOP_ALL_SCRIPT = _ALL.replace("@SCRIPT@", "stop.sh")


def startScript(twistd: str) -> str:
    """
    The text of C{start.sh}.

    @param twistd: the absolute path of the C{twistd} that runs the node, as long as it is there.
    """
    return _START.replace("@TWISTD@", shlex.quote(twistd))


def configText(
    listenIP: str, p2pPort: int, channelPort: int, rpcPort: int, peers: Iterable[str]
) -> str:
    """
    The text of C{config.ini}.

    @param listenIP: where the node listens for peers and channels.
    @param peers: the C{ip:port} of every node of the chain, this one included.
    """
    return _CONFIG.format(
        listenIP=listenIP,
        p2pPort=p2pPort,
        channelPort=channelPort,
        rpcPort=rpcPort,
        peers="\n".join(f"    node.{number}={peer}" for number, peer in enumerate(peers)),
    )
