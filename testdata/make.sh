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

# The scenes are laid out on 640x360. K is by how much larger the film is.
K=1

# paint NAME WIDTH HEIGHT R G B [A]: one picture, painted at twice its size and
# scaled down so that edges are smooth. The expressions see the place as ld(0)
# (across) and ld(1) (down), in units of the 640x360 layout.
paint() {
	local at="st(0,X/$((2 * K)));st(1,Y/$((2 * K)));" w=$(($2 * K)) h=$(($3 * K))
	$FF -f lavfi -i "color=black:s=$((w * 2))x$((h * 2)):r=25:d=0.04,format=gbrap,geq=r='$at$4':g='$at$5':b='$at$6':a='$at${7:-255}',scale=$w:$h:flags=area" \
		-frames:v 1 -pix_fmt rgba "$tmp/$1.png"
}

# still NAME: the input that shows one painted picture for ever.
still() { echo "-loop 1 -framerate 25 -i $tmp/$1.png"; }

# shellcheck source=scenes.sh
. ./scenes.sh

# film SCENE LABEL K SECONDS OUT ENCODER-OPTIONS...: puts the label, a blinking
# dot and a little sensor noise on a scene, and encodes it.
film() {
	local scene=$1 label=$2 secs=$4 out=$5
	K=$3
	shift 5
	echo "$out"
	"scene_$scene" # sets inputs and graph
	local osd="drawtext=fontfile=$FONT:text='$label':x=18*$K:y=16*$K:fontsize=34*$K:fontcolor=white:box=1:boxcolor=black@0.45:boxborderw=$((8 * K))"
	osd+=",drawtext=fontfile=$FONT:text='●':x=w-46*$K:y=18*$K:fontsize=30*$K:fontcolor=0xff4040:enable='lt(mod(t,1),0.5)'"
	$FF $inputs -filter_complex "$graph,$osd,noise=c0s=8:c0f=t+u:all_seed=7,format=yuv420p[v]" \
		-map '[v]' -r 25 -t "$secs" -threads 2 "$@" "$out"
}

# h264 PROFILE KBITS GOP [B-FRAMES] [X264-PARAMS]: options that all H.264 clips
# share: a steady bit rate, an IDR every GOP pictures and nowhere else. The
# encoder's own SEI (type 6) is taken out: it says nothing about the picture.
h264() {
	echo -c:v libx264 -preset slow -profile:v "$1" -b:v "$2k" -maxrate "$(($2 * 3 / 2))k" -bufsize "$(($2 * 2))k" \
		-g "$3" -keyint_min "$3" -sc_threshold 0 -bf "${4:-0}" -x264-params "threads=2:${5:-}" \
		-bsf:v filter_units=remove_types=6 -f h264
}

# video NAME: the clip of that name.
video() {
	case $1 in
	360p-baseline) film gate GATE 1 4 "$1.264" $(h264 baseline 450 50) ;;
	360p-main) film yard YARD 1 4 "$1.264" $(h264 main 450 50) ;;
	360p-high) film dock DOCK 1 4 "$1.264" $(h264 high 450 50) ;;
	720p-main) film field FIELD 2 4 "$1.264" $(h264 main 1200 50) ;;
	1080p-high) film city CITY 3 4 "$1.264" $(h264 high 1400 50) ;;
	# Four slices a picture.
	360p-slices) film field SLICES 1 4 "$1.264" $(h264 main 300 50 0 slices=4) ;;
	# Two B pictures between others, to which nothing refers.
	360p-bframes) film yard B-FRAMES 1 4 "$1.264" $(h264 main 200 50 2 b-adapt=0:b-pyramid=none) ;;
	# B pictures to which other B pictures refer.
	360p-pyramid) film yard PYRAMID 1 4 "$1.264" $(h264 main 200 50 3 b-adapt=0:b-pyramid=normal) ;;
	# One IDR, then a column of intra macroblocks that crosses the picture in 2 s. The
	# recovery point SEI stays in: it is how decoders find where to begin.
	360p-refresh) film dock REFRESH 1 8 "$1.264" $(h264 main 130 50 0 intra-refresh=1) -bsf:v filter_units=pass_types=1-9 ;;
	# One IDR in 12 s.
	360p-longgop) film gate "LONG GOP" 1 12 "$1.264" $(h264 high 100 300) ;;
	h265) $FF -f lavfi -i "testsrc2=s=320x180:r=25:d=2" -c:v libx265 -preset slow -b:v 24k -pix_fmt yuv420p \
		-x265-params log-level=none:keyint=50:min-keyint=50:scenecut=0:bframes=0:repeat-headers=1:info=0 -f hevc "$1.265" ;;
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

all="360p-baseline 360p-main 360p-high 720p-main 1080p-high 360p-slices 360p-bframes 360p-pyramid 360p-refresh 360p-longgop h265
	tones.opus tones.alaw tones.ulaw tones.aac"
for name in ${*:-$all}; do
	video "$name" || sound "$name"
done
