# The scenes. Each sets `inputs` (ffmpeg's -i options) and `graph` (a filter
# graph without its last label). They are laid out on 640x360 and K times as
# large; every movement has a period that divides 4 s, the shortest clip.
# shellcheck shell=bash disable=SC2034,SC2154

# car NAME R G B: a small car that drives to the right.
car() {
	local body="lt(max(abs(ld(0)-46)-44,abs(ld(1)-22)-8),0)"
	local cabin="lt(max(abs(ld(0)-42)-26+(20-ld(1))*0.5,abs(ld(1)-11)-10),0)"
	local glass="lt(max(abs(ld(0)-42)-22+(20-ld(1))*0.5,abs(ld(1)-10)-6),0)*gt(abs(ld(0)-42),2)"
	local hub="min(hypot(ld(0)-22,ld(1)-29),hypot(ld(0)-70,ld(1)-29))"
	local lamp="lt(hypot(ld(0)-88,ld(1)-20),3)"
	local paint="if(lt($hub,3),190,if(lt($hub,7),28,if($lamp,255,if($glass,GLASS,BODY))))"
	local r=${paint/GLASS/255} g=${paint/GLASS/214} b=${paint/GLASS/160}
	paint "$1" 92 36 "${r/BODY/$2}" "${g/BODY/$3}" "${b/BODY/$4}" "255*gt($body+$cabin+lt($hub,7),0)"
}

# A road at dusk: two cars pass.
scene_gate() {
	local hills="gt(ld(1),190+16*sin(ld(0)/83)+7*sin(ld(0)/29+1))"
	local near="gt(ld(1),226+9*sin(ld(0)/61+2))"
	local road="gt(ld(1),262)"
	local dash="lt(abs(ld(1)-311),2.5)*lt(mod(ld(0)+12,80),44)"
	local sun="hypot(ld(0)-452,ld(1)-168)"
	local shade="10*(ld(1)-262)/98"
	paint gate 640 360 \
		"if($dash,232,if($road,62-$shade,if($near,44,if($hills,88,if(lt($sun,34),255,clip(96+150*ld(1)/200+80*exp(-$sun/70),0,255))))))" \
		"if($dash,214,if($road,60-$shade,if($near,52,if($hills,62,if(lt($sun,34),226,clip(58+90*ld(1)/200+70*exp(-$sun/60),0,255))))))" \
		"if($dash,170,if($road,74-$shade,if($near,60,if($hills,92,if(lt($sun,34),150,clip(128-24*ld(1)/200+20*exp(-$sun/50),0,255))))))"
	car red 214 72 58
	car blue 58 128 196
	inputs="$(still gate) $(still red) $(still blue)"
	graph="[1]scale=120*$K:-1[near];[2]hflip[far]"
	graph+=";[0][far]overlay=format=rgb:x='W-(W+w)*mod(t/4+0.55,1)':y=258*$K[road]"
	graph+=";[road][near]overlay=format=rgb:x='-w+(W+w)*mod(t/2+0.2,1)':y=304*$K"
}

# A lawn by day: clouds drift, a ball bounces.
scene_yard() {
	local lawn="gt(ld(1),226+6*sin(ld(0)/120))"
	local fence="gt(ld(1),188)*lt(ld(1),232)*(lt(mod(ld(0),24),14)*gt(ld(1),188+abs(mod(ld(0),24)-7)*0.8)+lt(abs(ld(1)-206),3))"
	local stripe="9*gt(sin((ld(0)-320)/(ld(1)-190)*9),0)"
	local leaves="lt(min(hypot(ld(0)-530,ld(1)-120)-48,min(hypot(ld(0)-492,ld(1)-146)-34,hypot(ld(0)-570,ld(1)-148)-36)),0)"
	local trunk="lt(abs(ld(0)-531)-7,0)*gt(ld(1),150)*lt(ld(1),262)"
	local light="22*lt(hypot(ld(0)-516,ld(1)-104),46)"
	paint yard 640 360 \
		"if($leaves,62+$light,if($trunk,118,if($lawn,98+$stripe,if(gt($fence,0),246,120+90*ld(1)/226))))" \
		"if($leaves,142+$light,if($trunk,82,if($lawn,176+$stripe,if(gt($fence,0),240,188+44*ld(1)/226))))" \
		"if($leaves,74+$light,if($trunk,56,if($lawn,78+$stripe,if(gt($fence,0),228,240))))"
	local puff="min(hypot(ld(0)-44,ld(1)-40)-24,min(hypot(ld(0)-78,ld(1)-32)-30,min(hypot(ld(0)-112,ld(1)-42)-22,max(abs(ld(0)-78)-52,abs(ld(1)-52)-12))))"
	paint cloud 156 68 255 255 255 "230*lt($puff,0)"
	local wedge="gt(sin(3*atan2(ld(1)-22,ld(0)-22)),0)"
	paint ball 44 44 "if($wedge,236,250)" "if($wedge,84,246)" "if($wedge,72,236)" "255*lt(hypot(ld(0)-22,ld(1)-22),21)"
	paint shadow 60 14 20 60 20 "110*lt(hypot((ld(0)-30)/29,(ld(1)-7)/6),1)"
	inputs="$(still yard) $(still cloud) $(still ball) $(still shadow)"
	graph="[1]split=3[c1][c2][c3];[2]rotate=a='2*PI*t/2':c=none[spin]"
	local over=0 n
	for n in 1 2 3; do
		graph+=";[$over][c$n]overlay=format=rgb:x='$K*(320*($n-2)-160+mod(80*t,320))':y=62*$K[sky$n]"
		over=sky$n
	done
	local x="-60*$K+(W+60*$K)*mod(t/4+0.3,1)"
	graph+=";[sky3][3]overlay=format=rgb:x='$x-8*$K':y=322*$K[ground]"
	graph+=";[ground][spin]overlay=format=rgb:x='$x':y='$K*(288-120*abs(sin(PI*t)))'"
}

# A harbour by night: a boat rocks, a lighthouse turns, the water glitters.
scene_dock() {
	local star="lt(mod(abs(sin(floor(ld(0)/4)*12.9898+floor(ld(1)/4)*78.233)*43758.5453),1),0.006)*lt(hypot(mod(ld(0),4)-2,mod(ld(1),4)-2),1.2)"
	local moon="hypot(ld(0)-150,ld(1)-112)"
	local sea="gt(ld(1),216)"
	local rock="gt(ld(1),222-46*exp(-pow((ld(0)-560)/52,2)))"
	local tower="lt(abs(ld(0)-560)-9-(ld(1)-96)*0.05,0)*gt(ld(1),96)*lt(ld(1),190)"
	local lamp="lt(abs(ld(0)-560)-7,0)*gt(ld(1),80)*lt(ld(1),97)"
	local roof="lt(abs(ld(0)-560)-(ld(1)-68)*0.9,0)*gt(ld(1),68)*lt(ld(1),80)"
	local band="lt(mod(ld(1)-96,38),19)"
	paint dock 640 360 \
		"if($lamp,255,if($roof,150,if($tower,if($band,206,232),if($rock*(1-$sea),30,if($sea,14+20*(360-ld(1))/144,if(lt($moon,26),252,clip(16+30*ld(1)/216+150*$star+70*exp(-$moon/46),0,255)))))))" \
		"if($lamp,236,if($roof,52,if($tower,if($band,66,228),if($rock*(1-$sea),34,if($sea,38+34*(360-ld(1))/144,if(lt($moon,26),246,clip(24+52*ld(1)/216+150*$star+74*exp(-$moon/46),0,255)))))))" \
		"if($lamp,150,if($roof,50,if($tower,if($band,64,222),if($rock*(1-$sea),46,if($sea,66+46*(360-ld(1))/144,if(lt($moon,26),222,clip(58+70*ld(1)/216+150*$star+60*exp(-$moon/46),0,255)))))))"
	local wave="pow(max(0,sin(2*PI*(ld(0)*3/640+ld(1)/17))*sin(2*PI*(ld(0)*7/640-ld(1)/11)+ld(1)/5)),2)"
	paint glints 640 140 150 190 214 "150*$wave"
	local hull="lt(max(abs(ld(0)-70)-62+(ld(1)-96)*0.9,abs(ld(1)-108)-12),0)"
	local sail="gt(ld(0),74)*lt((ld(0)-74)*1.55,ld(1)-10)*lt(ld(1),90)+lt(ld(0),68)*lt((68-ld(0))*2.1,ld(1)-22)*lt(ld(1),90)"
	local mast="lt(abs(ld(0)-71),1.6)*gt(ld(1),4)*lt(ld(1),98)"
	paint boat 140 140 "if($hull,176,if($mast,90,240))" "if($hull,58,if($mast,66,232))" "if($hull,52,if($mast,50,214))" "255*gt($hull+gt($sail,0)+$mast,0)"
	local beam="lt(abs(ld(1)-160),(ld(0)-300)*0.16)*gt(ld(0),300)"
	paint beam 600 320 255 240 190 "$beam*110*max(0,1-(ld(0)-300)/290)"
	inputs="$(still dock) $(still glints) $(still boat) $(still beam)"
	graph="[1]scroll=h=0.01[g1];[2]rotate=a='0.07*sin(PI*t)':c=none[rocking]"
	graph+=";[3]rotate=a='PI+0.9*sin(2*PI*t/4)':c=none[turning]"
	graph+=";[0][g1]overlay=format=rgb:y=220*$K[water]"
	graph+=";[water][turning]overlay=format=rgb:x='$K*(560-300)':y='$K*(89-160)'[lit]"
	graph+=";[lit][rocking]overlay=format=rgb:x='$K*(300+26*sin(2*PI*t/4))':y='$K*(142+5*sin(PI*t+1))'"
}

# Fields with a windmill; birds pass.
scene_field() {
	local far="gt(ld(1),214-22*sin(ld(0)/110+0.6))"
	local near="gt(ld(1),262+14*sin(ld(0)/150+2.2))"
	local rows="12*sin((ld(0)-200)/(ld(1)-196)*22)"
	local tower="lt(abs(ld(0)-430)-20-(ld(1)-132)*0.13,0)*gt(ld(1),132)*lt(ld(1),286)"
	local cap="lt(hypot((ld(0)-430)/24,(ld(1)-134)/20),1)*lt(ld(1),136)"
	local door="lt(abs(ld(0)-430)-9,0)*gt(ld(1),256)*lt(ld(1),286)"
	local side="14*gt(ld(0),436)"
	paint field 640 360 \
		"if($cap,156,if($door,104,if($tower,244-$side,if($near,232+$rows,if($far,132,128+96*ld(1)/214)))))" \
		"if($cap,78,if($door,70,if($tower,234-$side,if($near,190+$rows,if($far,178,206+34*ld(1)/214)))))" \
		"if($cap,62,if($door,50,if($tower,216-$side,if($near,84,if($far,104,226+6*ld(1)/214)))))"
	local u="abs(ld(0)-130)" v="abs(ld(1)-130)"
	local bar="lt(min($u,$v),2.4)*lt(max($u,$v),122)"
	local cloth="lt(max(abs(if(gt($u,$v),(ld(1)-130)*sgn(ld(0)-130),-(ld(0)-130)*sgn(ld(1)-130))-10)-8,abs(max($u,$v)-74)-44),0)"
	paint sails 260 260 "if($bar,96,252)" "if($bar,62,248)" "if($bar,46,238)" "if($bar,255,232*$cloth)"
	paint bird 30 12 52 60 74 "255*lt(abs(ld(1)-3-pow(abs(abs(ld(0)-15)-7),1.7)*0.22),1.3)*lt(abs(ld(0)-15),14)"
	inputs="$(still field) $(still sails) $(still bird)"
	graph="[1]rotate=a='2*PI*t/16':c=none[turning];[2]split=3[b1][b2][b3]"
	local over=0 n
	for n in 1 2 3; do
		graph+=";[$over][b$n]overlay=format=rgb:x='-w+(W+w)*mod(t/4+0.05*$n,1)':y='$K*(70+18*mod($n*2,3)+6*sin(PI*t+$n))'[air$n]"
		over=air$n
	done
	graph+=";[air3][turning]overlay=format=rgb:x='$K*(430-130)':y='$K*(136-130)'"
}

# A town by night: a train crosses a bridge.
scene_city() {
	local back="gt(ld(1),150-40*mod(floor(ld(0)/46)*37,7)/7)"
	local front="gt(ld(1),206-70*mod(floor((ld(0)+20)/64)*53,11)/11)"
	local lit="gt(mod(abs(sin(floor(ld(0)/8)*12.9898+floor(ld(1)/11)*78.233)*43758.5453),1),0.55)"
	local pane="lt(abs(mod(ld(0),8)-4),2.4)*lt(abs(mod(ld(1),11)-5.5),3)*$lit"
	local deck="gt(ld(1),272)*lt(ld(1),286)"
	local pier="gt(ld(1),286)*lt(abs(mod(ld(0),128)-64),9+max(0,300-ld(1))*0.9)"
	local water="gt(ld(1),286)"
	local glow="exp(-pow((ld(1)-272)/80,2))"
	paint city 640 360 \
		"if($deck,74,if($pier,58,if($water,26+30*(360-ld(1))/74*gt(sin(ld(0)/9+ld(1)*1.7),0.4),if($front,if($pane,255,30),if($back,if($pane,150,52),34+120*$glow)))))" \
		"if($deck,78,if($pier,60,if($water,30+26*(360-ld(1))/74*gt(sin(ld(0)/9+ld(1)*1.7),0.4),if($front,if($pane,206,34),if($back,if($pane,130,50),30+62*$glow)))))" \
		"if($deck,92,if($pier,70,if($water,56+20*(360-ld(1))/74,if($front,if($pane,124,52),if($back,if($pane,110,84),74+70*$glow)))))"
	local coach="lt(max(abs(ld(0)-150)-148,abs(ld(1)-20)-18),0)"
	local gap="lt(abs(mod(ld(0),100)-1),2.5)"
	local window="lt(abs(ld(1)-15)-7,0)*lt(abs(mod(ld(0),20)-10),7)"
	local stripe="lt(abs(ld(1)-30),2.5)"
	paint train 300 40 "if($window,255,if($stripe,240,206))" "if($window,236,if($stripe,240,62))" "if($window,170,if($stripe,240,66))" "255*$coach*(1-$gap)"
	paint lamp 40 40 255 70 60 "255*exp(-pow(hypot(ld(0)-20,ld(1)-20)/6,2))"
	inputs="$(still city) $(still train) $(still lamp)"
	graph="[0][1]overlay=format=rgb:x='-w+(W+w)*mod(t/4+0.4,1)':y=235*$K[line]"
	graph+=";[line][2]overlay=format=rgb:x=212*$K:y=118*$K:enable='lt(mod(t,2),1)'"
}
