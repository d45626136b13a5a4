#!/bin/sh
# Writes the configuration of LiveKit, Ingress and Caddy for one server, with keys
# of its own, into config/ beside this script.
#
#   ./setup.sh DOMAIN [--ip ADDRESS] [--email ADDRESS] [--out DIRECTORY] [--force]
#
#   DOMAIN     the host name that leads to this server, such as livekit.example.com
#   --ip       the server's public IPv4 address. Without it LiveKit and Ingress ask
#              a public STUN server for it whenever they start.
#   --email    where Let's Encrypt may write about the certificate
#   --out      where to write, in place of config/
#   --force    write over what is there: all keys change, and every rtsp2whip and
#              every application needs the new ones
set -eu

die() { echo "setup.sh: $*" >&2; exit 1; }
usage() {
    echo "usage: setup.sh DOMAIN [--ip ADDRESS] [--email ADDRESS] [--out DIRECTORY] [--force]" >&2
    exit 2
}

domain='' ip='' email='' force=''
out=$(cd "$(dirname "$0")" && pwd)/config
while [ $# -gt 0 ]; do
    case $1 in
    --ip | --email | --out)
        [ $# -ge 2 ] || usage
        case $1 in
        --ip) ip=$2 ;;
        --email) email=$2 ;;
        --out) out=$2 ;;
        esac
        shift
        ;;
    --force) force=yes ;;
    -*) usage ;;
    *)
        [ -z "$domain" ] || usage
        domain=$1
        ;;
    esac
    shift
done
[ -n "$domain" ] || usage

# What is asked for goes into files that other programs read: nothing but what a
# host name, an address and a mailbox are made of.
case $domain in
*[!a-zA-Z0-9.-]* | .* | -* | *..* | *.) die "$domain: not a host name" ;;
*.*) ;;
*) die "$domain: not a full host name, such as livekit.example.com" ;;
esac
case $domain in
*[!0-9.]*) ;;
*) die "$domain: an address; certificates are made for host names" ;;
esac
case $ip in
*[!0-9.]* | .* | *..*) die "$ip: not an IPv4 address" ;;
esac
case $email in
*[!a-zA-Z0-9.@_+-]*) die "$email: not a mail address" ;;
esac
[ -z "$force" ] && [ -e "$out/livekit.yaml" ] &&
    die "$out is set up already; --force makes new keys, which every rtsp2whip and application then needs"

# random LENGTH: letters and digits out of the system's random numbers.
random() {
    set -- "$1" "$(LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | dd bs="$1" count=1 2>/dev/null)"
    [ "${#2}" -eq "$1" ] || die "no random numbers"
    printf '%s' "$2"
}

umask 077
mkdir -p "$out"
key=API$(random 12)
secret=$(random 43)
if [ -n "$ip" ]; then
    address="use_external_ip: false
  node_ip: $ip"
else
    address='use_external_ip: true'
fi

cat >"$out/livekit.yaml" <<EOF
# Made by setup.sh for $domain.
port: 7880
bind_addresses: [127.0.0.1] # Caddy is in front
keys:
  $key: $secret
rtc:
  tcp_port: 7881
  port_range_start: 50000
  port_range_end: 60000
  $address
redis: {address: "127.0.0.1:6379"}
turn:
  enabled: true
  domain: $domain
  udp_port: 3478
ingress:
  whip_base_url: https://$domain/w
logging: {level: info}
EOF

cat >"$out/ingress.yaml" <<EOF
# Made by setup.sh for $domain.
api_key: $key
api_secret: $secret
ws_url: ws://127.0.0.1:7880
redis: {address: "127.0.0.1:6379"}
whip_port: 8080
rtmp_port: -1 # no RTMP
http_relay_port: 9090
health_port: 8081
# true: cameras connect to livekit-server's own media ports instead of 7885, so
# that TCP is there where no UDP gets through.
whip_proxy_enabled: false
rtc_config:
  udp_port: 7885
  $address
logging: {level: info}
EOF

{
    echo "# Made by setup.sh for $domain."
    echo '{'
    echo '	admin off'
    [ -z "$email" ] || echo "	email $email"
    echo '}'
    cat <<EOF
$domain {
	@ingress path /w /w/*
	reverse_proxy @ingress 127.0.0.1:8080
	reverse_proxy 127.0.0.1:7880
}
EOF
} >"$out/Caddyfile"

printf '%s\n' "$key" >"$out/api_key"
printf '%s\n' "$secret" >"$out/api_secret"

cat <<EOF
Written to $out:
  livekit.yaml, ingress.yaml, Caddyfile   read by docker compose
  api_key, api_secret                     for rtsp2whip and your applications; keep them secret

Next: open the ports (README.md), then
  docker compose up -d
  ./check.sh $domain                      from another network
rtsp2whip's file then begins with:
  livekit:
    url: wss://$domain
    api_key_file: secrets/api_key
    api_secret_file: secrets/api_secret
EOF
