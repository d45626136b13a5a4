#!/usr/bin/env bash
# Checks from outside whether a LiveKit server as of setup.sh can be reached. Run it
# on another network: a firewall lets much pass from its own side.
#
#   ./check.sh DOMAIN
#
# Needs bash and curl. CHECK_HTTPS, CHECK_TCP, CHECK_STUN, CHECK_HTTP name other ports,
# and CHECK_CURL more arguments for curl.
set -u

[ $# -eq 1 ] || { echo "usage: $0 DOMAIN" >&2; exit 2; }
domain=$1
https=${CHECK_HTTPS:-443} tcp=${CHECK_TCP:-7881} stun=${CHECK_STUN:-3478} http=${CHECK_HTTP:-80}
read -r -a more <<<"${CHECK_CURL:-}"
failed=0

good() { printf 'ok    %s\n' "$1"; }
bad() {
    printf 'FAIL  %s\n      %s\n' "$1" "$2"
    failed=1
}

# status METHOD PATH: the HTTP status of a request, 000 if there is none.
status() {
    curl --silent --show-error --max-time 10 --output /dev/null --write-out '%{http_code}' \
        "${more[@]+"${more[@]}"}" --request "$1" ${3:+--header "$3"} "https://$domain:$https$2" 2>"$errors"
}

connects() { # connects PORT
    (exec 3<>"/dev/tcp/$domain/$1") 2>/dev/null &
    local try=$! left=50
    while kill -0 "$try" 2>/dev/null; do
        [ $((left -= 1)) -gt 0 ] || { kill "$try" 2>/dev/null; wait "$try" 2>/dev/null; return 1; }
        sleep 0.1
    done
    wait "$try"
}

# A STUN binding request (RFC 8489): the answer to it begins with 01 01.
stun_answers() { # stun_answers PORT
    local byte
    exec 3<>"/dev/udp/$domain/$1" || return 1
    for _ in 1 2 3; do
        printf '\x00\x01\x00\x00\x21\x12\xa4\x42rtsp2whiptst' >&3
        if IFS= read -r -t 2 -n 1 byte <&3 && [ "$byte" = $'\x01' ]; then
            exec 3>&-
            return 0
        fi
    done 2>/dev/null
    exec 3>&-
    return 1
}

errors=$(mktemp) || exit 1
trap 'rm -f "$errors"' EXIT

code=$(status GET /)
case $code in
200) good "https, port $https: LiveKit answers, and the certificate is good" ;;
000) bad "https, port $https: $(head -n 1 "$errors")" "does the name lead to this server? Is the port open? 'docker compose logs caddy' tells about the certificate" ;;
*) bad "https, port $https: HTTP $code" "Caddy answers and LiveKit does not: 'docker compose logs livekit'" ;;
esac

code=$(status POST /whip/v1 'Content-Type: application/sdp')
case $code in
401) good "/whip/v1: livekit-server's WHIP endpoint answers (via: server)" ;;
*) bad "/whip/v1: HTTP $code, expected 401" "livekit-server is older than 1.9.1, or something else answers" ;;
esac

code=$(status OPTIONS /w)
case $code in
204 | 200) good "/w: Ingress's WHIP endpoint answers (via: ingress)" ;;
*) bad "/w: HTTP $code, expected 204" "'docker compose logs ingress'; needed for via: ingress only" ;;
esac

if connects "$http"; then
    good "tcp $http"
else
    bad "tcp $http: no connection" "Let's Encrypt needs it to issue and renew the certificate"
fi

if connects "$tcp"; then
    good "tcp $tcp: media over TCP"
else
    bad "tcp $tcp: no connection" "open it: it carries media where no UDP gets through"
fi

if stun_answers "$stun"; then
    good "udp $stun: STUN answers"
else
    bad "udp $stun: no answer to a STUN binding request" "open it: it is the TURN server of viewers and cameras"
fi

cat <<EOF
      udp 50000-60000 (LiveKit's media) and udp 7885 (Ingress's media) answer only to sessions. Try them:
      rtsp2whip publish RTSP-URL --livekit wss://$domain --room test --for 20s
EOF
exit "$failed"
