package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// anyCertificate takes every certificate: those of cameras are made by themselves.
func anyCertificate() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true} // #nosec G402 -- whom to trust is not known yet; no password is told to anybody
}

// printText prints devices for people.
func (c *discoverCmd) printText(w io.Writer, devices []device) {
	for _, d := range devices {
		fmt.Fprintf(w, "%s  %s\n", hostOf(d), titleOf(d))
		fmt.Fprintf(w, "  ONVIF   %s\n", d.URL)
		if off := time.Duration(d.ClockAhead) * time.Second; off.Abs() > time.Minute {
			way := "ahead"
			if off < 0 {
				way = "behind"
			}
			fmt.Fprintf(w, "  clock   %s %s\n", strings.TrimSuffix(off.Abs().Round(time.Minute).String(), "0s"), way)
		}
		for _, s := range d.Streams {
			fmt.Fprintf(w, "  %-7s %s\n          %s\n", s.Name, s.describe(), s.URL)
		}
		if d.Problem != "" {
			fmt.Fprintf(w, "  %s\n", d.Problem)
		}
	}
}

func hostOf(d device) string {
	if u, err := url.Parse(d.URL); err == nil {
		return u.Hostname()
	}
	return d.Address.String()
}

func titleOf(d device) string {
	if strings.HasPrefix(d.Model, d.Manufacturer) {
		return cmp.Or(d.Model, "camera")
	}
	return strings.TrimSpace(d.Manufacturer + " " + d.Model)
}

// describe is codec, size, frame rate and the distance of key frames.
func (s stream) describe() string {
	text := fmt.Sprintf("%s %dx%d, %s fps", s.Codec, s.Width, s.Height, strconv.FormatFloat(s.FPS, 'f', -1, 64))
	if s.GOP > 0 && s.FPS > 0 {
		text += fmt.Sprintf(", a key frame every %s s", strconv.FormatFloat(math.Round(float64(s.GOP)/s.FPS*10)/10, 'f', -1, 64))
	}
	return text
}

// printYAML prints a cameras block. What cannot be published is a comment.
func (c *discoverCmd) printYAML(w io.Writer, devices []device) {
	names := map[string]bool{}
	fmt.Fprintln(w, "cameras:")
	for _, d := range devices {
		main, sub := chooseStreams(d.Streams)
		if main == nil {
			fmt.Fprintf(w, "  # %s, %s: %s\n", hostOf(d), titleOf(d), cmp.Or(d.Problem, "has no H.264 or H.265 stream"))
			continue
		}
		fmt.Fprintf(w, "  - name: %s\n", nameFor(d, names))
		fmt.Fprintf(w, "    # %s, %s: %s\n", titleOf(d), main.Name, main.describe())
		fmt.Fprintf(w, "    url: %s\n", quote(main.URL))
		if main.Codec == "H265" {
			fmt.Fprintln(w, "    codec: h265 # not through LiveKit Ingress")
		}
		if sub != nil {
			fmt.Fprintf(w, "    sub_url: %s # %s\n", quote(sub.URL), sub.describe())
		}
		fmt.Fprintf(w, "    username: %s\n", quote(c.Username))
		switch c.PasswordFile {
		case "":
		case "-":
			fmt.Fprintln(w, "    #password_file: the file with its password")
		default:
			fmt.Fprintf(w, "    password_file: %s\n", quote(c.PasswordFile))
		}
		fmt.Fprintf(w, "    web: %s\n", quote(d.URL))
	}
}

// quote makes a text a YAML scalar; JSON's strings are YAML's too.
func quote(s string) string { return strconv.Quote(s) }

// chooseStreams picks the largest stream, H.264 before H.265, and the smallest H.264
// one beside it.
func chooseStreams(all []stream) (main, sub *stream) {
	size := func(s stream) int { return s.Width * s.Height }
	for _, codec := range []string{"H264", "H265"} {
		var of []stream
		for _, s := range all {
			if s.Codec == codec {
				of = append(of, s)
			}
		}
		if len(of) == 0 {
			continue
		}
		slices.SortStableFunc(of, func(a, b stream) int { return cmp.Compare(size(b), size(a)) })
		if last := of[len(of)-1]; codec == "H264" && size(last) < size(of[0]) && last.URL != of[0].URL {
			sub = &last
		}
		return &of[0], sub
	}
	return nil, nil
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// nameFor makes a name of a camera's model and the end of its address, which no
// other camera of the list has.
func nameFor(d device, taken map[string]bool) string {
	host := hostOf(d)
	end := host[max(strings.LastIndexAny(host, ".:")+1, 0):]
	model := strings.Trim(notName.ReplaceAllString(strings.ToLower(cmp.Or(d.Model, d.Manufacturer, "camera")), "-"), "-")
	if len(model) > 40 {
		model = strings.Trim(model[:40], "-")
	}
	first := strings.Trim(notName.ReplaceAllString(strings.ToLower(cmp.Or(model, "camera")+"-"+end), "-"), "-")
	name := first
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", first, n)
	}
	taken[name] = true
	return name
}
