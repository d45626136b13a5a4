# The scenes. Each sets `inputs` (ffmpeg's -i options) and `graph` (a filter
# graph without its last label). All are 640x360; times are in seconds and every
# movement has a period that divides 4 s.
# shellcheck shell=bash disable=SC2034,SC2154

# still NAME: an input that repeats one picture for ever.
still() { echo "-loop 1 -framerate 25 -i $tmp/$1.png"; }

# car NAME R G B: a small car, 92x36.
car() {
	local body="lt(max(abs(ld(0)-46)-44,abs(ld(1)-22)-8),0)"
	local cabin="lt(max(abs(ld(0)-42)-26+(20-ld(1))*0.5,abs(ld(1)-11)-10),0)"
	local glass="lt(max(abs(ld(0)-42)-22+(20-ld(1))*0.5,abs(ld(1)-10)-6),0)*gt(abs(ld(0)-42),2)"
	local wheel="lt(min(hypot(ld(0)-22,ld(1)-29),hypot(ld(0)-70,ld(1)-29)),7)"
	local hub="lt(min(hypot(ld(0)-22,ld(1)-29),hypot(ld(0)-70,ld(1)-29)),3)"
	local lamp="lt(hypot(ld(0)-88,ld(1)-20),3)"
	local mix="if($hub,190,if($wheel,28,if($lamp,255,if($glass,%g,%b))))"
	local r=${mix/\%g/255} g=${mix/\%g/214} b=${mix/\%g/160}
	paint "$1" 92 36 "${r/\%b/$2}" "${g/\%b/$3}" "${b/\%b/$4}" "255*gt($body+$cabin+$wheel,0)"
}

# A gate road at dusk: two cars pass.
scene_gate() {
	local hills="gt(ld(1),190+16*sin(ld(0)/83)+7*sin(ld(0)/29+1))"
	local near="gt(ld(1),226+9*sin(ld(0)/61+2))"
	local road="gt(ld(1),262)"
	local dash="lt(abs(ld(1)-311),2.5)*lt(mod(ld(0)+12,80),44)"
	local sun="hypot(ld(0)-452,ld(1)-168)"
	paint gate 640 360 \
		"if($dash,232,if($road,62-10*(ld(1)-262)/98,if($near,44,if($hills,88,if(lt($sun,34),255,clip(96+150*ld(1)/200+80*exp(-$sun/70),0,255))))))" \
		"if($dash,214,if($road,60-10*(ld(1)-262)/98,if($near,52,if($hills,62,if(lt($sun,34),226,clip(58+90*ld(1)/200+70*exp(-$sun/60),0,255))))))" \
		"if($dash,170,if($road,74-10*(ld(1)-262)/98,if($near,60,if($hills,92,if(lt($sun,34),150,clip(128-24*ld(1)/200+20*exp(-$sun/50),0,255))))))"
	car red 214 72 58
	car blue 58 128 196
	inputs="$(still gate) $(still red) $(still blue)"
	graph="[1]scale=120:-1[near];[2]hflip[far]"
	graph+=";[0][far]overlay=format=rgb:x='W-(W+w)*mod(t/4+0.55,1)':y=258[a]"
	graph+=";[a][near]overlay=format=rgb:x='-w+(W+w)*mod(t/2+0.2,1)':y=304"
}
