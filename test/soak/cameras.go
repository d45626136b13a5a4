//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
)

// camerasMain is the cameras' process. It serves until it is ended.
func camerasMain(args []string) error {
	f := flag.NewFlagSet("cameras", flag.ContinueOnError)
	count := f.Int("n", 1, "how many")
	control := f.String("control", "", "address to take orders at")
	if err := f.Parse(args); err != nil {
		return err
	}
	var all []*camsim.Camera
	for _, m := range newFleet(*count) {
		c, err := camsim.Start(m.Config)
		if err != nil {
			return err
		}
		all = append(all, c)
	}
	var still standstills
	go still.run(context.Background()) // until the process ends
	mux := http.NewServeMux()
	mux.HandleFunc("GET /standstills", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(still.list())
	})
	mux.HandleFunc("GET /sent", func(w http.ResponseWriter, _ *http.Request) {
		pictures := make([]uint64, 0, len(all))
		for _, c := range all {
			pictures = append(pictures, c.Stats().AccessUnits)
		}
		_ = json.NewEncoder(w).Encode(pictures)
	})
	mux.HandleFunc("POST /{camera}/{order}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("camera"))
		if err == nil && (n < 0 || n >= len(all)) {
			err = errors.New("no such camera")
		}
		if err == nil {
			err = obey(all[n], r.PathValue("order"), r.URL.Query())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	l, err := net.Listen("tcp", *control)
	if err != nil {
		return err
	}
	return http.Serve(l, mux) //nolint:gosec // nobody else is in this network
}

// obey does to a camera what it is told.
func obey(c *camsim.Camera, order string, with url.Values) error {
	by, _ := time.ParseDuration(with.Get("by"))
	lost, _ := strconv.Atoi(with.Get("lost"))
	switch order {
	case "off":
		c.Stop()
	case "on":
		return c.Restart()
	case "freeze":
		c.Freeze(true)
	case "thaw":
		c.Freeze(false)
	case "hangup":
		c.HangUp()
	case "impair":
		c.Impair(lost, lost/2, lost/10)
	case "jump":
		c.Jump(by)
	case "clock":
		c.StepClock(by)
	default:
		return fmt.Errorf("no order %q", order)
	}
	return nil
}

// orders are given to the cameras' process.
type orders struct {
	client *http.Client
	url    string
}

func (o orders) give(m member, order string, with url.Values) error {
	at := fmt.Sprintf("%s/%d/%s?%s", o.url, m.Number, order, with.Encode())
	res, err := o.client.Post(at, "", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s", at, res.Status)
	}
	return nil
}

// sent counts the pictures of each camera.
func (o orders) sent() (pictures []uint64, err error) { return pictures, o.ask("/sent", &pictures) }

// standstills are those of the cameras' process.
func (o orders) standstills() (all []standstill, err error) {
	return all, o.ask("/standstills", &all)
}

func (o orders) ask(path string, into any) error {
	res, err := o.client.Get(o.url + path)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	return json.NewDecoder(res.Body).Decode(into)
}
