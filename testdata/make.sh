#!/usr/bin/env bash
# Makes every clip and sound in this directory again: ./make.sh [name...]
#
# Needs ffmpeg (5.1 or newer) with libx264, libx265 and libopus, and the DejaVu
# fonts. Nothing is downloaded: the scenes are painted by ffmpeg's geq filter,
# and every movement returns to its start after the clip's length, so that a
# clip loops without a jump.
set -euo pipefail
cd "$(dirname "$0")"

FONT=${FONT:-/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf}
FF="nice ffmpeg -v error -nostdin -y -threads 2"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# paint NAME WIDTH HEIGHT R G B [A]: one picture, painted at twice the size and
# scaled down so that edges are smooth. The expressions see the position in
# ld(0), ld(1), in units in which the picture is HEIGHT high.
paint() {
	local at="st(0,X/2);st(1,Y/2);"
	$FF -f lavfi -i "color=black:s=$(($2 * 2))x$(($3 * 2)):r=25:d=0.04,format=gbrap,geq=r='$at$4':g='$at$5':b='$at$6':a='$at${7:-255}',scale=$2:$3:flags=area" \
		-frames:v 1 -pix_fmt rgba "$tmp/$1.png"
}

. ./scenes.sh

# film SCENE LABEL SIZE SECONDS OUT ENCODER-OPTIONS...: paints at 640x360, scales
# to SIZE, writes the label and a blinking dot on top, and encodes.
film() {
	local scene=$1 label=$2 size=$3 secs=$4 out=$5 height=${3#*x}
	shift 5
	echo "$out"
	"scene_$scene" # sets inputs and graph
	local u="$height/360"
	local osd="drawtext=fontfile=$FONT:text='$label':x=18*$u:y=16*$u:fontsize=34*$u:fontcolor=white:box=1:boxcolor=black@0.45:boxborderw=$((height / 45))"
	osd+=",drawtext=fontfile=$FONT:text='●':x=w-46*$u:y=18*$u:fontsize=30*$u:fontcolor=0xff4040:enable='lt(mod(t,1),0.5)'"
	# shellcheck disable=SC2086
	$FF $inputs -filter_complex "$graph,scale=${size/x/:}:flags=lanczos,$osd,noise=c0s=7:c0f=t+u,format=yuv420p[v]" \
		-map '[v]' -r 25 -t "$secs" -threads 2 "$@" "$out"
}

# h264 PROFILE CRF GOP MORE...: the options all H.264 clips share. The encoder's
# own SEI (type 6) is taken out: it says nothing about the picture.
h264() {
	echo -c:v libx264 -preset slow -profile:v "$1" -crf "$2" -g "$3" -keyint_min "$3" -sc_threshold 0 \
		-bf "${4:-0}" -bsf:v filter_units=remove_types=6 -f h264 ${5:-}
}

video() {
	case $1 in
	360p-baseline) film gate GATE 640x360 4 "$1.264" $(h264 baseline 27 50) ;;
	*) return 1 ;;
	esac
}

# sound NAME: a slow bell melody of 6 s; every note has died away when the next
# one starts, so it loops without a click.
sound() {
	local step="floor(mod(t,6)/0.75)"
	local note="261.63*pow(2,(12*eq($step,0)+7*eq($step,1)+4*eq($step,2)+9*eq($step,3)+2*eq($step,4)+7*eq($step,5)+4*eq($step,6))/12)"
	local bell="0.28*min(1,mod(t,0.75)*80)*exp(-5*mod(t,0.75))*(sin(2*PI*$note*mod(t,0.75))+0.3*sin(4*PI*$note*mod(t,0.75)))"
	local src="-f lavfi -i aevalsrc=exprs='$bell':s=48000:d=6"
	echo "$1"
	case $1 in
	tones.opus) $FF $src -ac 2 -c:a libopus -b:a 32k -frame_duration 20 -map_metadata -1 -fflags +bitexact -f ogg "$1" ;;
	tones.alaw) $FF $src -ac 1 -ar 8000 -c:a pcm_alaw -f alaw "$1" ;;
	tones.ulaw) $FF $src -ac 1 -ar 8000 -c:a pcm_mulaw -f mulaw "$1" ;;
	tones.aac) $FF $src -ac 1 -ar 16000 -c:a aac -profile:a aac_low -b:a 24k -f adts "$1" ;;
	*) echo "make.sh: no clip or sound is called $1" >&2 && return 1 ;;
	esac
}

all="360p-baseline tones.opus tones.alaw tones.ulaw tones.aac"
for name in ${*:-$all}; do
	video "$name" || sound "$name"
done
